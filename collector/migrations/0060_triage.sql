-- Room `alert`: what people conclude, how levels come about, what alerts are about, risk.
-- Times are microseconds since 1970, UTC.
ALTER TABLE alert ADD COLUMN version INTEGER NOT NULL DEFAULT 1;   -- grows with what people do
ALTER TABLE alert ADD COLUMN verdict TEXT                          -- of a closed one
    CHECK (verdict IN ('true_positive', 'false_positive', 'benign'));
ALTER TABLE alert ADD COLUMN rule_level INTEGER NOT NULL DEFAULT 0; -- as the rule says; `level` counts
ALTER TABLE alert ADD COLUMN raised_by TEXT NOT NULL DEFAULT '[]';  -- JSON: why `level` is higher
ALTER TABLE alert ADD COLUMN silence INTEGER;                       -- the one it began under
ALTER TABLE alert ADD COLUMN silenced_until INTEGER;                -- NULL: it is work
ALTER TABLE alert ADD COLUMN risk REAL NOT NULL DEFAULT 0;          -- units of room `alert`, risk.rs
UPDATE alert SET rule_level = level;
CREATE INDEX alert_silence ON alert (silence) WHERE silence IS NOT NULL;
CREATE INDEX alert_assignee ON alert (assignee, last_at DESC) WHERE assignee IS NOT NULL;

-- SQLite cannot change a CHECK, so the table is made again.
CREATE TABLE alert_history_new (
    number  INTEGER PRIMARY KEY,
    alert   TEXT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,                   -- '' : the collector
    action  TEXT NOT NULL CHECK (action IN ('raised', 'acknowledged', 'closed', 'reopened',
        'commented', 'assigned', 'unassigned', 'excepted')),
    comment TEXT,
    about   TEXT                             -- of closed: the verdict; of assigned: to whom
) STRICT;
INSERT INTO alert_history_new (number, alert, at, who, action, comment)
    SELECT number, alert, at, who, action, comment FROM alert_history;
DROP TABLE alert_history;
ALTER TABLE alert_history_new RENAME TO alert_history;
CREATE INDEX alert_history_alert ON alert_history (alert, number);

-- What an alert is about, so that others about the same are found.
CREATE TABLE alert_entity (
    kind  TEXT NOT NULL CHECK (kind IN ('host', 'user', 'address', 'file', 'hash')),
    value TEXT NOT NULL,
    at    INTEGER NOT NULL,                  -- when the alert began, event time
    alert TEXT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, value, at, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_entity_alert ON alert_entity (alert);
INSERT OR IGNORE INTO alert_entity (kind, value, at, alert)
    SELECT 'host', agent, starts_at, id FROM alert
    WHERE agent <> '00000000-0000-0000-0000-000000000000';
INSERT OR IGNORE INTO alert_entity (kind, value, at, alert)
    SELECT CASE
            WHEN field.key IN ('user.name', 'user.target.name', 'user.effective.name') THEN 'user'
            WHEN field.key IN ('source.ip', 'destination.ip', 'client.ip', 'server.ip') THEN 'address'
            WHEN field.key IN ('file.path', 'process.executable') THEN 'file'
            ELSE 'hash' END,
        lower(substr(field.value, 1, 512)), starts_at, alert.id
    FROM alert, json_each(alert.first_event, '$.fields') AS field
    WHERE field.type = 'text' AND field.value <> '' AND field.key IN ('user.name',
        'user.target.name', 'user.effective.name', 'source.ip', 'destination.ip', 'client.ip',
        'server.ip', 'file.path', 'process.executable', 'file.hash.sha256', 'process.hash.sha256');

-- Sum of `alert.risk` of the alerts about a machine or a user that count.
CREATE TABLE risk (
    kind   TEXT NOT NULL CHECK (kind IN ('host', 'user')),
    name   TEXT NOT NULL,
    agency INTEGER NOT NULL,                 -- of the alerts; 0: none
    units  REAL NOT NULL,
    PRIMARY KEY (kind, name, agency)
) STRICT, WITHOUT ROWID;
CREATE INDEX risk_units ON risk (kind, units DESC);
-- 2 to the power of so many half-lives (14 days) since 2026, drawn straight between whole ones.
UPDATE alert SET risk = CASE level WHEN 4 THEN 100.0 WHEN 3 THEN 30.0 WHEN 2 THEN 10.0
        WHEN 1 THEN 3.0 ELSE 0.0 END
    * (1 << ((max(received_at, 1767225600000000) - 1767225600000000) / 1209600000000))
    * (1.0 + ((max(received_at, 1767225600000000) - 1767225600000000) % 1209600000000)
        / 1209600000000.0);
INSERT INTO risk (kind, name, agency, units)
    SELECT entity.kind, entity.value, alert.agency, sum(alert.risk)
    FROM alert_entity AS entity JOIN alert ON alert.id = entity.alert
    WHERE entity.kind IN ('host', 'user') GROUP BY 1, 2, 3;

-- Searched without the marks of Vietnamese letters.
UPDATE alert SET words = 
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(words,
    'à', 'a'), 'á', 'a'), 'ả', 'a'), 'ã', 'a'), 'ạ', 'a'), 'ă', 'a'), 'ằ', 'a'), 'ắ', 'a'),
    'ẳ', 'a'), 'ẵ', 'a'), 'ặ', 'a'), 'â', 'a'), 'ầ', 'a'), 'ấ', 'a'), 'ẩ', 'a'), 'ẫ', 'a'),
    'ậ', 'a');
UPDATE alert SET words = 
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(words,
    'è', 'e'), 'é', 'e'), 'ẻ', 'e'), 'ẽ', 'e'), 'ẹ', 'e'), 'ê', 'e'), 'ề', 'e'), 'ế', 'e'),
    'ể', 'e'), 'ễ', 'e'), 'ệ', 'e');
UPDATE alert SET words = replace(replace(replace(replace(replace(words,
    'ì', 'i'), 'í', 'i'), 'ỉ', 'i'), 'ĩ', 'i'), 'ị', 'i');
UPDATE alert SET words = 
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(words,
    'ò', 'o'), 'ó', 'o'), 'ỏ', 'o'), 'õ', 'o'), 'ọ', 'o'), 'ô', 'o'), 'ồ', 'o'), 'ố', 'o'),
    'ổ', 'o'), 'ỗ', 'o'), 'ộ', 'o'), 'ơ', 'o'), 'ờ', 'o'), 'ớ', 'o'), 'ở', 'o'), 'ỡ', 'o'),
    'ợ', 'o');
UPDATE alert SET words = 
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(words,
    'ù', 'u'), 'ú', 'u'), 'ủ', 'u'), 'ũ', 'u'), 'ụ', 'u'), 'ư', 'u'), 'ừ', 'u'), 'ứ', 'u'),
    'ử', 'u'), 'ữ', 'u'), 'ự', 'u');
UPDATE alert SET words = replace(replace(replace(replace(replace(words,
    'ỳ', 'y'), 'ý', 'y'), 'ỷ', 'y'), 'ỹ', 'y'), 'ỵ', 'y');
UPDATE alert SET words = replace(words,
    'đ', 'd');
