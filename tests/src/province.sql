-- A province for measuring pages: ?1 machines, ?2 agencies, ?3 alerts, ?4 now in microseconds. Written
-- into the fresh database of a collector; one statement after another, all in one transaction.

INSERT INTO agency (code, name, parent)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 / 10)
SELECT 'SO-' || i, 'Sở số ' || i, (SELECT MIN(id) FROM agency) FROM n WHERE ?1 + ?3 + ?4 > 0;

INSERT INTO agency (code, name, parent)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - ?2 / 10 - 1)
SELECT 'XA-' || i, 'Xã số ' || i,
       (SELECT id FROM agency WHERE code = 'SO-' || (1 + i % (?2 / 10)))
FROM n WHERE ?1 + ?3 + ?4 > 0;

INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash, enrolled_at,
    certificate_expires_at, state, heard_at, ip, cpu, memory_used, disk_used, antivirus_state,
    antivirus_product, antivirus_reasons, antivirus_signatures_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1),
 agencies (id, place) AS (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 FROM agency)
SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), agencies.id,
       'pc-' || printf('%05d', i), 'home-' || i, 'Windows 10 Pro', '0.1.0', zeroblob(32),
       ?4 - (i % 4000) * 3600000000, ?4 + 1000000000000,
       CASE WHEN i % 100 < 84 THEN 'online' WHEN i % 100 < 88 THEN 'silent'
            WHEN i % 100 < 96 THEN 'stopped' ELSE 'asleep' END,
       ?4 - (i % 100) * 600000000, '["10.' || (i % 200) || '.0.' || (i % 250) || '"]',
       (i % 97) / 97.0, (i % 89) / 89.0, (i % 83) / 83.0,
       CASE WHEN i % 50 < 36 THEN 'protected' WHEN i % 50 < 42 THEN 'weak'
            WHEN i % 50 < 46 THEN 'off' ELSE 'unknown' END,
       'ClamAV', CASE WHEN i % 50 BETWEEN 36 AND 41 THEN '["signatures_outdated"]' ELSE '[]' END,
       ?4 - (i % 60) * 43200000000
FROM n JOIN agencies ON agencies.place = i % ?2 WHERE ?3 > 0;

INSERT INTO antivirus (agent, product, state, fields, received_at, signatures_at)
SELECT id, antivirus_product, antivirus_state,
       json_object('antivirus.engine.version', '1.' || (rowid % 7)), heard_at,
       antivirus_signatures_at
FROM agent WHERE ?1 + ?2 + ?3 + ?4 > 0;

-- Ten ports a machine out of sixty, and one that only it has on every fiftieth.
INSERT INTO port (agent, transport, scope, port, executable, address, opened_at, touched, fields)
WITH RECURSIVE k (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 9)
SELECT agent.id, CASE WHEN k.i < 8 THEN 'tcp' ELSE 'udp' END,
       CASE WHEN k.i % 3 = 0 THEN 'loopback' ELSE 'any' END,
       20 + (agent.rowid * 7 + k.i * 11) % 60, '/usr/sbin/service-' || ((agent.rowid * 7 + k.i * 11) % 60),
       '0.0.0.0', ?4 - (agent.rowid % 90) * 86400000000, 0,
       json_object('port.reachable', CASE WHEN k.i % 2 = 0 THEN 'yes' ELSE 'no' END)
FROM agent, k WHERE ?1 + ?2 + ?3 > 0
UNION ALL
SELECT agent.id, 'tcp', 'any', 20000 + agent.rowid, '/opt/rare-' || agent.rowid, '0.0.0.0', ?4, 0, '{}'
FROM agent WHERE agent.rowid % 50 = 0;

INSERT INTO alert (id, number, fingerprint, rule, level, state, agent, hostname, agency,
    agency_code, agency_name, rule_said, grouped_by, predicates, first_event, count, starts_at,
    last_at, received_at, raised_at, late, words)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?3),
 at (i, moment) AS (SELECT i, ?4 - (?3 - i) * (90 * 86400000000 / ?3) FROM n)
SELECT printf('%032x', at.i), at.i, printf('%064x', at.i), 'rule-' || (at.i % 300),
       CASE WHEN at.i % 200 = 0 THEN 4 WHEN at.i % 20 = 0 THEN 3 WHEN at.i % 5 = 0 THEN 2
            WHEN at.i % 2 = 0 THEN 1 ELSE 0 END,
       CASE WHEN at.i % 50 = 0 THEN 'open' WHEN at.i % 50 = 1 THEN 'acknowledged' ELSE 'closed' END,
       agent.id, agent.hostname, agent.agency, agency.code, agency.name,
       json_object('title', json_object('en', 'Rule number ' || (at.i % 300),
           'vi', 'Luật số ' || (at.i % 300)), 'description', json_object('en', '', 'vi', NULL),
           'steps', json_object('en', json_array(), 'vi', json_array()), 'tags', json_array()),
       '[]', '[]',
       json_object('position', at.i, 'id', agent.id || '/1/log/' || at.i,
           'received', '2026-11-22T10:00:00.000000Z', 'time', '2026-11-22T10:00:00.000000Z',
           'kind', CASE WHEN at.i % 97 = 7 THEN 'antivirus.detection'
               WHEN at.i % 53 = 3 THEN 'log.anomaly' ELSE 'log' END,
           'logsource', json_object(),
           'fields', json_object('anomaly.id', printf('%016x', at.i), 'anomaly.kind', 'rate_spike',
               'anomaly.source', '/var/log/service-' || (at.i % 40) || '.log', 'message',
               'Failed password for invalid user number ' || at.i || ' from 192.0.2.' || (at.i % 250)),
           'raw', NULL, 'machine', json_object('id', agent.id, 'hostname', agent.hostname)),
       1 + at.i % 9, at.moment, at.moment, at.moment, at.moment, 0,
       lower(agent.hostname || ' rule number ' || (at.i % 300) || ' ' || agency.code)
FROM at JOIN agent ON agent.rowid = 1 + (at.i * 7919 + at.i / 50) % ?1 JOIN agency ON agency.id = agent.agency
WHERE ?2 > 0;

INSERT INTO trend
WITH RECURSIVE d (ago) AS (SELECT 1 UNION ALL SELECT ago + 1 FROM d WHERE ago < 400)
SELECT date(?4 / 1000000 - ago * 86400, 'unixepoch'), agency.id, 50, 40, 36, 6, 4, 4, NULL,
       1, 2, 3, 4, 5, 1, 5, 20, 40, 45, ?4
FROM d, agency WHERE ?1 + ?2 + ?3 > 0;
