-- Room `backtest`: rules that look back. One pass reads the stored events once, for one rule or many.
CREATE TABLE backtest_pass (
    id           INTEGER PRIMARY KEY,
    reason       TEXT NOT NULL,      -- asked, rule_added, rule_changed, list_changed
    who          TEXT NOT NULL,      -- empty: the collector by itself
    draft        TEXT,               -- JSON: files of rules that are not in force
    from_at      INTEGER NOT NULL,   -- event time, µs since 1970; both ends included
    to_at        INTEGER NOT NULL,
    position_end INTEGER,            -- first position of the journal that is not looked at; once begun
    position     INTEGER NOT NULL,   -- all before it have been looked at
    events_done  INTEGER NOT NULL,
    events_total INTEGER NOT NULL,
    missing      TEXT NOT NULL,      -- JSON: files that could not be read
    asked_at     INTEGER NOT NULL,
    began_at     INTEGER,
    ended_at     INTEGER
) STRICT;

-- What one rule of a pass found.
CREATE TABLE backtest (
    id      TEXT PRIMARY KEY,        -- 16 hex digits
    pass    INTEGER NOT NULL REFERENCES backtest_pass (id) ON DELETE CASCADE,
    rule    TEXT NOT NULL,
    title   TEXT NOT NULL,
    state   TEXT NOT NULL,           -- waiting, running, done, stopped, failed
    tally   TEXT NOT NULL,           -- JSON
    samples TEXT NOT NULL,           -- JSON: events as they are shown
    error   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX backtest_by_pass ON backtest (pass);

-- Windows of correlations of a pass that has not ended, as of its position.
CREATE TABLE backtest_window (
    pass  INTEGER NOT NULL REFERENCES backtest_pass (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (pass, key)
) STRICT, WITHOUT ROWID;

-- Rules in force and what they meant when they were last looked at: what differs looks back.
CREATE TABLE backtest_rule (
    rule    TEXT PRIMARY KEY,
    meaning TEXT NOT NULL,           -- hash of its text, its filters, and the rules it rests on
    lists   TEXT NOT NULL,           -- hash of the lists it refers to; empty for none
    gone_at INTEGER                  -- when it was in force no more
) STRICT, WITHOUT ROWID;
