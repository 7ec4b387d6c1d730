-- Room `fleet`: machines on the networks of agents. Times are microseconds since 1970, UTC.
-- One row for each agent that saw one; how they belong together is decided when they are shown.
CREATE TABLE neighbour (
    agent      TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    mac        TEXT NOT NULL,                -- 00:11:22:aa:bb:cc
    ips        TEXT NOT NULL,                -- JSON
    name       TEXT,
    vendor     TEXT,
    private    INTEGER NOT NULL,             -- 1: the address was made up
    gateway    INTEGER NOT NULL,
    seen_by    TEXT NOT NULL,                -- JSON: arp, nd, dhcp, mdns
    interface  TEXT,                         -- of the agent
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,             -- never later than it was received
    PRIMARY KEY (agent, mac)
) STRICT, WITHOUT ROWID;
CREATE INDEX neighbour_last_seen ON neighbour (last_seen);

-- Addresses of enrolled machines, of cards and of the internet protocol, from their inventories:
-- what makes a neighbour one of them.
CREATE TABLE machine_address (
    address TEXT NOT NULL,
    agent   TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    PRIMARY KEY (address, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_address_agent ON machine_address (agent);
INSERT OR IGNORE INTO machine_address (address, agent)
    SELECT lower(value), agent.id FROM agent, json_each(agent.inventory, '$."host.mac"')
    WHERE type = 'text';
INSERT OR IGNORE INTO machine_address (address, agent)
    SELECT lower(value), agent.id FROM agent, json_each(agent.inventory, '$."host.ip"')
    WHERE type = 'text';

-- What operators said of neighbours without an agent.
CREATE TABLE neighbour_decision (
    agency     INTEGER NOT NULL REFERENCES agency (id) ON DELETE CASCADE,
    mac        TEXT NOT NULL,
    decision   TEXT NOT NULL CHECK (decision IN ('not_a_computer', 'accepted')),
    reason     TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (agency, mac)
) STRICT, WITHOUT ROWID;
