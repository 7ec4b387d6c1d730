-- Room `fleet`. Times are microseconds since 1970, UTC; agents are UUIDs as text.
-- The last self-test of each agent's antivirus.
CREATE TABLE antivirus_selftest (
    agent       TEXT PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    fields      TEXT NOT NULL,               -- JSON: fields of the event, and its time
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
