-- Room `fleet`: what else is known of ports, what operators approved, what the journal is still to
-- be told about ports, and where programs connect to. Times are microseconds since 1970, UTC.
ALTER TABLE port ADD COLUMN fields TEXT NOT NULL DEFAULT '{}';   -- JSON: further fields of the last event
CREATE INDEX port_key ON port (transport, port, scope, executable, agent);

-- A port that may be there: on one machine, or on all of an agency and of those below it. Rows stay
-- when an approval is taken back.
CREATE TABLE port_approval (
    id          INTEGER PRIMARY KEY,
    agent       TEXT REFERENCES agent (id) ON DELETE CASCADE,
    agency      INTEGER REFERENCES agency (id) ON DELETE CASCADE,
    transport   TEXT NOT NULL,
    scope       TEXT NOT NULL,
    port        INTEGER NOT NULL,
    executable  TEXT NOT NULL,               -- '' where unknown
    note        TEXT NOT NULL,               -- why
    approved_by TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    revoked_by  TEXT,
    revoked_at  INTEGER,
    CHECK ((agent IS NULL) <> (agency IS NULL))
) STRICT;
CREATE UNIQUE INDEX port_approval_agent
    ON port_approval (agent, transport, scope, port, executable)
    WHERE agent IS NOT NULL AND revoked_at IS NULL;
CREATE UNIQUE INDEX port_approval_agency
    ON port_approval (agency, transport, scope, port, executable)
    WHERE agency IS NOT NULL AND revoked_at IS NULL;

-- Events `port.judged` that are not in the journal yet, or of which that is not known yet.
CREATE TABLE port_untold (
    position INTEGER PRIMARY KEY,            -- journal position of the event that was judged
    event    TEXT NOT NULL                   -- JSON
) STRICT;

CREATE TABLE connection (
    agent       TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    executable  TEXT NOT NULL,               -- '' where unknown
    destination TEXT NOT NULL,               -- an address, a network, or ''
    transport   TEXT NOT NULL,
    port        INTEGER NOT NULL,
    process     TEXT,
    user        TEXT,
    count       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    is_new      INTEGER NOT NULL,            -- the agent had not seen it in its first week
    PRIMARY KEY (agent, executable, destination, transport, port)
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_last ON connection (agent, last_at);
