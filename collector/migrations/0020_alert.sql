-- Room `alert`. Times are microseconds since 1970, UTC.
-- What the rule said is copied when the alert is raised: rules change, an alert must stay readable.
CREATE TABLE alert (
    id           TEXT PRIMARY KEY,           -- 32 hex digits, from rule, fingerprint and event id
    number       INTEGER NOT NULL UNIQUE,    -- what people call it
    fingerprint  TEXT NOT NULL,
    rule         TEXT NOT NULL,
    level        INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),   -- 0 informational .. 4 critical
    state        TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'closed')),
    agent        TEXT NOT NULL,
    hostname     TEXT NOT NULL,              -- as it was when raised
    agency       INTEGER NOT NULL,           -- 0: none
    agency_code  TEXT NOT NULL,
    agency_name  TEXT NOT NULL,
    rule_said    TEXT NOT NULL,              -- JSON: title, description, steps, tags
    grouped_by   TEXT NOT NULL,              -- JSON: [[field, value], …]
    predicates   TEXT NOT NULL,              -- JSON: what matched in the first event
    correlation  TEXT,                       -- JSON: count, first_at, last_at
    first_event  TEXT NOT NULL,              -- JSON: the event that raised it, kept beyond the journal
    count        INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,           -- event time of the first
    last_at      INTEGER NOT NULL,           -- event time of the latest
    received_at  INTEGER NOT NULL,           -- when the journal had the first
    raised_at    INTEGER NOT NULL,
    late         INTEGER NOT NULL,
    assignee     TEXT,
    words        TEXT NOT NULL               -- lower-case text that a search looks through
) STRICT;
-- One alert that is not closed per fingerprint: repeats are counted on it.
CREATE UNIQUE INDEX alert_unclosed ON alert (fingerprint) WHERE state <> 'closed';
CREATE INDEX alert_newest ON alert (last_at DESC, number DESC);
CREATE INDEX alert_state ON alert (state, level, last_at DESC);
CREATE INDEX alert_agent ON alert (agent, last_at DESC);
CREATE INDEX alert_rule ON alert (rule);
CREATE INDEX alert_start ON alert (starts_at);

-- The events behind an alert: positions in the journal, at most 32.
CREATE TABLE alert_event (
    alert    TEXT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    PRIMARY KEY (alert, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_history (
    number  INTEGER PRIMARY KEY,
    alert   TEXT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,                   -- '' : the collector
    action  TEXT NOT NULL CHECK (action IN
        ('raised', 'acknowledged', 'closed', 'reopened', 'commented')),
    comment TEXT
) STRICT;
CREATE INDEX alert_history_alert ON alert_history (alert, number);
