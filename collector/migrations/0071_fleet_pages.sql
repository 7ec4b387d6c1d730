-- Room `fleet`: what the pages about all machines ask for. Times are microseconds since 1970, UTC.
-- When a machine ceased to be protected; NULL where it is, or never was.
ALTER TABLE agent ADD COLUMN antivirus_lost_at INTEGER;
CREATE INDEX agent_place ON agent (id, agency, revoked_at);
CREATE INDEX agent_silent ON agent (agency, heard_at) WHERE state = 'silent';

-- Who can get to a port, out of its further fields.
ALTER TABLE port ADD COLUMN reachable TEXT
    GENERATED ALWAYS AS (fields ->> '$."port.reachable"') VIRTUAL;
-- All that is open now, without reading the rows.
CREATE INDEX port_now ON port (transport, port, scope, executable, agent, opened_at, reachable)
    WHERE closed_at IS NULL;
