-- Room `alert`: anomalies of logs that an operator called normal. Configuration carries the ids to the
-- agents; reopening the alert takes it back.
CREATE TABLE anomaly_normal (
    anomaly TEXT    NOT NULL,       -- 16 hex digits: what is judged, the same on every machine
    agent   TEXT    NOT NULL,       -- on this machine; '': on all of the agency and those below it
    agency  INTEGER NOT NULL,       -- the machine's, when it was said; 0: none
    alert   TEXT    NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    what    TEXT    NOT NULL,       -- JSON: kind, source and what it is about, for people
    who     TEXT    NOT NULL,
    at      INTEGER NOT NULL,       -- microseconds since 1970, UTC
    PRIMARY KEY (anomaly, agent, agency)
) STRICT, WITHOUT ROWID;
CREATE INDEX anomaly_normal_alert ON anomaly_normal (alert);
CREATE INDEX anomaly_normal_machine ON anomaly_normal (agent, agency);
