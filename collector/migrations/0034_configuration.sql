-- Room `configuration`. Times are microseconds since 1970, UTC.
-- What each scope says about its machines; the newest row of a scope is in force. Nothing is ever
-- changed or deleted: going back is another row.
CREATE TABLE configuration (
    version  INTEGER PRIMARY KEY AUTOINCREMENT,
    scope    TEXT NOT NULL,                  -- 'fleet', 'agency:3', 'machine:UUID'
    text     TEXT NOT NULL,                  -- TOML; '' says nothing
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    why      TEXT NOT NULL,
    restores INTEGER                         -- the version whose text this is again
) STRICT;
CREATE INDEX configuration_scope ON configuration (scope, version);

-- What became of the last configuration an agent looked at, as it said (agent.configuration).
CREATE TABLE configuration_outcome (
    agent   TEXT PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,                -- as given to the agent: a number of all layers
    label   TEXT NOT NULL,
    outcome TEXT NOT NULL,                   -- applied, refused, rolled_back
    reason  TEXT,
    at      INTEGER NOT NULL                 -- when it was received
) STRICT, WITHOUT ROWID;
