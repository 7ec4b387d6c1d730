-- Room `fleet`: information systems. Days are texts, 2026-07-01; times are microseconds since 1970, UTC.
CREATE TABLE information_system (
    id              INTEGER PRIMARY KEY,
    code            TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    level           INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
    owner           INTEGER NOT NULL REFERENCES agency (id),
    operator        INTEGER NOT NULL REFERENCES agency (id),
    kind            TEXT NOT NULL CHECK (kind IN ('portal', 'mail', 'document', 'one_stop', 'database',
        'lgsp', 'data_centre', 'network', 'wifi', 'video', 'firewall', 'other')),
    approval        TEXT NOT NULL CHECK (approval IN ('draft', 'sent', 'appraised', 'approved')),
    decision        TEXT NOT NULL,           -- number of the approval
    approved_on     TEXT,                    -- or, before it is, when it is expected
    rollout         TEXT NOT NULL CHECK (rollout IN ('none', 'some', 'full')),
    rollout_on      TEXT,                    -- when it was or will be complete
    checked         TEXT NOT NULL CHECK (checked IN ('never', 'before_use', 'periodic')),
    checked_on      TEXT,                    -- the last check
    regulation      TEXT NOT NULL,           -- the rules of its operation
    contacts        TEXT NOT NULL,           -- JSON: list of name, role, phone, email
    note            TEXT NOT NULL,
    version         INTEGER NOT NULL DEFAULT 1,
    changed_at      INTEGER NOT NULL,
    changed_by      TEXT NOT NULL
) STRICT;
CREATE INDEX information_system_owner ON information_system (owner);
CREATE INDEX information_system_operator ON information_system (operator);

-- Hosts of a system; a host may belong to several.
CREATE TABLE system_host (
    system INTEGER NOT NULL REFERENCES information_system (id) ON DELETE CASCADE,
    agent  TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    PRIMARY KEY (system, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX system_host_agent ON system_host (agent);

-- How important a host is: the highest level of its systems. Hosts of none have no row.
CREATE VIEW host_importance (agent, importance) AS
    SELECT agent, MAX(level) FROM system_host
    JOIN information_system ON information_system.id = system_host.system GROUP BY agent;
