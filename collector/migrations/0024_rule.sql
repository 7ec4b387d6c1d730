-- Room `detect`: rules that are not asked any more because an event was too much for them, until a
-- person says so or the rule changes. Written in the transaction that writes the alerts of the batch.
CREATE TABLE rule_parked (
    rule        TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,      -- of the rule's text
    position    INTEGER NOT NULL,   -- of that event in the journal
    event       TEXT NOT NULL,      -- its id
    parked_at   INTEGER NOT NULL,   -- when it was received, µs since 1970
    told        INTEGER NOT NULL    -- whether the journal has `rule.parked` of it
) STRICT, WITHOUT ROWID;

-- Room `detect`: evidence of correlations given up for lack of room.
CREATE TABLE rule_evicted (
    rule    TEXT NOT NULL,
    scope   TEXT NOT NULL,          -- code of the agency
    count   INTEGER NOT NULL,       -- not yet told
    last_at INTEGER NOT NULL,       -- when the latest event before it was received
    told_at INTEGER,                -- `last_at` when the journal was told last
    PRIMARY KEY (rule, scope)
) STRICT, WITHOUT ROWID;
