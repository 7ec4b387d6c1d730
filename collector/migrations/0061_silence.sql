-- Room `silence`: planned work. Times are microseconds since 1970, UTC.
CREATE TABLE silence (
    id       INTEGER PRIMARY KEY,
    agent    TEXT REFERENCES agent (id) ON DELETE CASCADE,  -- one machine, or
    agency   INTEGER REFERENCES agency (id),                -- all of an agency and those below it
    rule     TEXT,                                          -- NULL: every rule
    from_at  INTEGER NOT NULL,
    until    INTEGER NOT NULL,                              -- moved forward where it was ended early
    why      TEXT NOT NULL,
    who      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    CHECK (from_at < until),
    CHECK (agent IS NULL OR agency IS NULL),
    CHECK (agent IS NOT NULL OR agency IS NOT NULL OR rule IS NOT NULL)
) STRICT;
CREATE INDEX silence_until ON silence (until);
