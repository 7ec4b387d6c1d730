-- Room `fleet`: what people write down about a machine. Times are microseconds since 1970, UTC.
CREATE TABLE host_record (
    agent       TEXT PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    person      TEXT NOT NULL,               -- who is responsible for it
    place       TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    serial      TEXT NOT NULL,
    asset       TEXT NOT NULL,               -- its number in the agency's books
    support_end TEXT,                        -- a day: 2027-12-31
    note        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    changed_by  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
