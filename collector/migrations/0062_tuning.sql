-- Room `tuning`: what operators hold back of what rules find. Times are microseconds since 1970, UTC.
CREATE TABLE exception (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    version    INTEGER NOT NULL DEFAULT 1,
    rule       TEXT,                          -- NULL: every rule
    agent      TEXT REFERENCES agent (id) ON DELETE CASCADE,  -- on one machine, or
    agency     INTEGER REFERENCES agency (id),                -- in an agency and those below it;
                                              -- both NULL: everywhere
    conditions TEXT NOT NULL,                 -- JSON: [{field, how, value}, …]; all have to hold
    why        TEXT NOT NULL,
    owner      TEXT NOT NULL,                 -- who answers for it
    alert      TEXT,                          -- it was made from
    made_by    TEXT NOT NULL,
    from_at    INTEGER NOT NULL,              -- events received from here on
    until      INTEGER NOT NULL,              -- up to here, this not included
    ended_at   INTEGER,
    hidden     INTEGER NOT NULL DEFAULT 0,    -- findings
    hidden_at  INTEGER,                       -- when the latest of their events was received
    told       INTEGER,                       -- the `until` of which the journal knows that it is near
    CHECK (agent IS NULL OR agency IS NULL)
) STRICT;
CREATE INDEX exception_until ON exception (until);
CREATE INDEX exception_rule ON exception (rule);

CREATE TABLE exception_history (
    number    INTEGER PRIMARY KEY,
    exception INTEGER NOT NULL REFERENCES exception (id) ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,
    action    TEXT NOT NULL CHECK (action IN ('made', 'renewed', 'ended')),
    why       TEXT NOT NULL,
    until     INTEGER NOT NULL                -- as it is from then on
) STRICT;
CREATE INDEX exception_history_of ON exception_history (exception, number);

-- A rule switched off or on for an agency and those below it that do not say otherwise.
CREATE TABLE rule_setting (
    rule    TEXT NOT NULL,
    agency  INTEGER NOT NULL,                 -- 0: all
    enabled INTEGER NOT NULL,
    why     TEXT NOT NULL,
    who     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (rule, agency)
) STRICT, WITHOUT ROWID;
