-- Room `fleet`. Times are microseconds since 1970, UTC; agents are UUIDs as text.
CREATE TABLE agency (
    id     INTEGER PRIMARY KEY,
    code   TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL,
    parent INTEGER REFERENCES agency (id)
) STRICT;
CREATE INDEX agency_parent ON agency (parent);

-- What lets a machine enrol. The token itself is shown once and stored nowhere.
CREATE TABLE enrolment_token (
    id         INTEGER PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,         -- SHA-256 of the token
    agency     INTEGER NOT NULL REFERENCES agency (id),
    uses       INTEGER NOT NULL CHECK (uses > 0),
    used       INTEGER NOT NULL DEFAULT 0 CHECK (used <= uses),
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    for_run    TEXT UNIQUE                   -- "agent/run": given to a clone so that it becomes a machine of its own
) STRICT;

-- One row an agent: who it is (written at enrolment) and what it is like (written by the projection
-- of the journal, and rebuilt from nothing else).
CREATE TABLE agent (
    id                     TEXT PRIMARY KEY,
    agency                 INTEGER NOT NULL REFERENCES agency (id),
    hostname               TEXT NOT NULL,
    fingerprint            TEXT NOT NULL,    -- as it was at enrolment
    os                     TEXT NOT NULL,
    version                TEXT NOT NULL,
    token                  INTEGER REFERENCES enrolment_token (id) ON DELETE SET NULL,
    key_hash               BLOB NOT NULL,    -- SHA-256 of the public key it enrolled with
    enrolled_at            INTEGER NOT NULL,
    certificate_expires_at INTEGER NOT NULL,
    revoked_at             INTEGER,
    state                  TEXT NOT NULL DEFAULT 'never'
        CHECK (state IN ('never', 'online', 'silent', 'stopped', 'asleep')),
    stopped_at             INTEGER,          -- by the agent's clock
    heard_at               INTEGER,
    ip                     TEXT NOT NULL DEFAULT '[]',   -- JSON
    inventory              TEXT,             -- JSON: fields of the last host.inventory
    heartbeat              TEXT,             -- JSON: fields of the last host.heartbeat, and its time
    cpu                    REAL,
    memory_used            REAL,
    disk_used              REAL,
    clock_offset_us        INTEGER,
    antivirus_state        TEXT NOT NULL DEFAULT 'unknown'
        CHECK (antivirus_state IN ('protected', 'weak', 'off', 'missing', 'unknown')),
    antivirus_product      TEXT,
    antivirus_reasons      TEXT NOT NULL DEFAULT '[]',   -- JSON
    antivirus_signatures_at INTEGER
) STRICT;
CREATE INDEX agent_agency ON agent (agency);
CREATE INDEX agent_token ON agent (token, key_hash);

-- Starts of an agent's process, for telling a restart from a second machine.
CREATE TABLE agent_run (
    agent            TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    run              INTEGER NOT NULL,
    fingerprint      TEXT NOT NULL,
    first_connection INTEGER NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('current', 'past', 'accused', 'clone')),
    PRIMARY KEY (agent, run)
) STRICT, WITHOUT ROWID;

-- How often the agents' door was opened: connections are numbered across restarts.
CREATE TABLE gateway_start (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;

-- The last state of each antivirus product of an agent.
CREATE TABLE antivirus (
    agent         TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    product       TEXT NOT NULL,
    state         TEXT NOT NULL,
    fields        TEXT NOT NULL,             -- JSON: fields of the event, and its time
    received_at   INTEGER NOT NULL,
    signatures_at INTEGER,
    PRIMARY KEY (agent, product)
) STRICT, WITHOUT ROWID;

CREATE TABLE port (
    id         INTEGER PRIMARY KEY,
    agent      TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    transport  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    port       INTEGER NOT NULL,
    executable TEXT NOT NULL,                -- '' where unknown
    address    TEXT NOT NULL,
    process    TEXT,
    user       TEXT,
    unit       TEXT,
    pid        INTEGER,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER,
    touched    INTEGER NOT NULL              -- journal position of the last event that showed it open
) STRICT;
CREATE UNIQUE INDEX port_open ON port (agent, transport, scope, port, executable)
    WHERE closed_at IS NULL;
CREATE INDEX port_agent ON port (agent, opened_at);
CREATE INDEX port_closed ON port (closed_at) WHERE closed_at IS NOT NULL;

-- The snapshot of ports that is arriving: complete when `seen` is what its events announce.
CREATE TABLE port_snapshot (
    agent    TEXT PRIMARY KEY REFERENCES agent (id) ON DELETE CASCADE,
    taken    TEXT NOT NULL,                  -- as the agent named it
    began    INTEGER NOT NULL,               -- journal position of its first event
    seen     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE heartbeat (
    agent        TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    at           INTEGER NOT NULL,           -- by the collector's clock
    cpu          REAL,
    memory_used  INTEGER,
    memory_total INTEGER,
    disk_used    REAL,
    agent_memory INTEGER,
    agent_cpu    REAL,
    spool_events INTEGER,
    PRIMARY KEY (agent, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX heartbeat_at ON heartbeat (at);
