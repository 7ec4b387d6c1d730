// One machine of the invented province in detail.

import { random } from './random.mjs';

const seed = (machine) => Number.parseInt(machine.id.slice(0, 8), 16);

const INSTALLED = '2026-10-02T02:11:09Z';
const CONF = 'file /etc/clamav/clamd.conf';
const CVD = 'file /var/lib/clamav/daily.cvd';
const FRESHCLAM = 'file /var/log/clamav/freshclam.log';

/** A claim with its source, as agents send it; nothing where nobody knows. */
function claim(name, value, source, at) {
  const field = `antivirus.${name}`;
  if (value === null || value === 'unknown') return { [field]: value };
  return { [field]: value, [`${field}.source`]: source, [`${field}.at`]: at };
}

export function detail(machine) {
  const av = machine.antivirus;
  const time = machine.last_heard;
  const signatures =
    av.signatures_age_days === null
      ? null
      : new Date(Date.now() - av.signatures_age_days * 86.4e6).toISOString();
  const products = av.product
    ? [
        {
          'antivirus.product': av.product,
          'antivirus.vendor': 'Cisco Talos',
          'antivirus.state': av.state,
          'antivirus.reasons': av.reasons,
          'antivirus.signatures.age_days': av.signatures_age_days,
          'antivirus.signatures.guessed': false,
          'antivirus.realtime.paths': ['/home', '/srv/vanban'],
          'antivirus.realtime.excluded': ['/srv/vanban/sao-luu'],
          ...claim(
            'mode',
            av.state === 'protected' ? 'active' : 'unknown',
            'process clamonacc',
            time,
          ),
          ...claim('engine.running', av.state !== 'off', 'socket /run/clamav/clamd.ctl', time),
          ...claim('engine.version', '1.4.6', 'socket /run/clamav/clamd.ctl', time),
          ...claim(
            'realtime',
            av.state === 'unknown' ? null : av.reasons.includes('realtime_off') ? 'off' : 'on',
            av.reasons.includes('realtime_off') ? 'no process clamonacc' : 'process clamonacc',
            time,
          ),
          ...claim('realtime.blocking', 'on', `${CONF}: OnAccessPrevention`, INSTALLED),
          ...claim('signatures.version', '27461', CVD, signatures),
          ...claim('signatures.time', signatures, CVD, signatures),
          ...claim('updater.running', true, 'process freshclam', time),
          ...claim('updater.state', 'working', FRESHCLAM, time),
          ...claim('updater.time', signatures, FRESHCLAM, time),
          'antivirus.source': ['socket /run/clamav/clamd.ctl', CVD],
          time,
        },
      ]
    : [
        {
          'antivirus.product': 'none',
          'antivirus.state': 'missing',
          'antivirus.reasons': ['no_product'],
          time,
        },
      ];
  return {
    ...machine,
    antivirus_products: products,
    antivirus_selftest: av.product
      ? {
          'antivirus.product': av.product,
          'antivirus.selftest.caught': av.state === 'protected' ? 'yes' : 'no',
          'antivirus.selftest.by': av.state === 'protected' ? 'denied' : null,
          'antivirus.selftest.after_ms': av.state === 'protected' ? 210 : null,
          time,
        }
      : null,
    heartbeat: null,
    enrolled_at: '2026-10-02T02:11:09Z',
    certificate_expires_at: new Date(Date.now() + 21 * 86.4e6).toISOString(),
    fingerprint: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    inventory: {
      'host.hostname': machine.hostname,
      'host.os.name': machine.os,
      'host.os.kernel': '6.1.0-28-amd64',
      'host.architecture': 'x86_64',
      'host.cpu.model': 'Intel(R) Core(TM) i3-4150 CPU @ 3.50GHz',
      'host.cpu.count': 4,
      'host.memory.bytes': 4122812416,
      'host.ip': machine.ip,
      'host.mac': ['02:42:ac:11:00:02'],
      'host.interfaces': [`eth0 up ${machine.ip[0]}/24`, 'lo up 127.0.0.1/8'],
      'host.disks': ['/ ext4 252 GB', '/home ext4 931 GB'],
      'host.boot_time': '2026-11-20T23:58:01Z',
      'host.timezone': 'Asia/Ho_Chi_Minh',
      'agent.version': '0.1.0',
    },
  };
}

const KNOWN = [
  ['tcp', 'any', '0.0.0.0', 22, 'sshd', '/usr/sbin/sshd', 'root', 'ssh.service'],
  ['tcp', 'any', '::', 22, 'sshd', '/usr/sbin/sshd', 'root', 'ssh.service'],
  ['tcp', 'any', '0.0.0.0', 80, 'nginx', '/usr/sbin/nginx', 'root', 'nginx.service'],
  ['tcp', 'any', '0.0.0.0', 443, 'nginx', '/usr/sbin/nginx', 'root', 'nginx.service'],
  [
    'tcp',
    'loopback',
    '127.0.0.1',
    3306,
    'mariadbd',
    '/usr/sbin/mariadbd',
    'mysql',
    'mariadb.service',
  ],
  [
    'tcp',
    'loopback',
    '127.0.0.1',
    6379,
    'redis-server',
    '/usr/bin/redis-check-rdb',
    'redis',
    'redis-server.service',
  ],
  ['udp', 'lan', '10.2.0.5', 123, 'ntpd', '/usr/sbin/ntpd', 'ntpsec', 'ntpsec.service'],
  [
    'tcp',
    'loopback',
    '127.0.0.1',
    9101,
    'soc-agent',
    '/usr/bin/soc-agent',
    'root',
    'soc-agent.service',
  ],
];

/** Approvals given while the mock runs, by machine and port. */
const approvals = new Map();
const named = (machine, { transport, scope, port, executable }) =>
  [machine.id, transport, scope, port, executable ?? ''].join(' ');

function judged(machine, port, count) {
  const reachable = port.scope === 'any' ? ['yes', 'unknown', 'yes'][count % 3] : 'no';
  return {
    fields: {
      'port.reachable': reachable,
      'port.reachable.source': port.scope === 'loopback' ? 'address' : 'nftables',
      'port.reachable.rule': 'inet filter input handle 7',
      'port.reachable.from': reachable === 'yes' && count % 2 ? ['10.0.0.0/8'] : ['any'],
      'package.managed': count % 9 !== 0,
      ...(count % 9 !== 0 ? { 'package.name': 'openssh-server' } : {}),
    },
    approval: approvals.get(named(machine, port)) ?? null,
    machines_agency: Math.min(count, 4),
    machines_fleet: count,
  };
}

export function approve(machine, { ports: wanted, agency, note }, who) {
  const open = ports(machine).filter((port) => port.closed_at === null);
  const chosen = wanted.length > 0 ? wanted : open;
  for (const port of chosen) {
    const at = new Date().toISOString();
    const id = approvals.size + 1;
    const code = agency ? machine.agency.code : null;
    approvals.set(named(machine, port), { id, agency: code, by: who, at, note });
  }
  return { approved: chosen.length };
}

export function revoke(id) {
  for (const [key, approval] of approvals) if (approval.id === id) approvals.delete(key);
}

export function connections(machine) {
  const r = random(seed(machine));
  const program = (process, executable, user, destination, port, is_new) => ({
    process,
    executable,
    user,
    destination,
    transport: 'tcp',
    port,
    count: r.below(900) + 1,
    first_at: new Date(Date.now() - 5e8).toISOString(),
    last_at: new Date(Date.now() - r.below(9e6)).toISOString(),
    is_new,
  });
  return [
    program('apt-get', '/usr/bin/apt-get', '_apt', '203.0.113.20', 80, true),
    program('soc-agent', '/usr/bin/soc-agent', 'root', '192.0.2.10', 7443, false),
    program('firefox', '/usr/lib/firefox/firefox', 'quantri', '198.51.100.0/24', 443, false),
    program(null, null, null, null, 443, false),
  ];
}

export function ports(machine) {
  const r = random(seed(machine));
  const opened = () => new Date(Date.now() - r.below(20 * 86.4e6)).toISOString();
  const open = KNOWN.map(([transport, scope, address, port, process, executable, user, unit]) => ({
    transport,
    scope,
    address,
    port,
    process,
    executable,
    user,
    unit,
    pid: 500 + r.below(3000),
    opened_at: opened(),
    closed_at: null,
    ...judged(machine, { transport, scope, port, executable }, r.below(40) + 1),
  }));
  const closed = [8000, 4444].map((port) => ({
    transport: 'tcp',
    scope: 'any',
    address: '0.0.0.0',
    port,
    process: 'python3',
    executable: '/usr/bin/python3.11',
    user: 'quantri',
    unit: null,
    pid: 4412,
    opened_at: new Date(Date.now() - 9e7).toISOString(),
    closed_at: new Date(Date.now() - 8e7).toISOString(),
    ...judged(machine, {}, 1),
  }));
  return [...open, ...closed];
}

export function heartbeats(machine, q) {
  const r = random(seed(machine));
  const to = Date.parse(q.get('to') ?? '') || Date.now(),
    from = Date.parse(q.get('from') ?? '') || to - 3 * 3.6e6;
  const count = 240,
    step = (to - from) / count;
  let cpu = 0.15,
    memory = 0.5;
  return Array.from({ length: count }, (_, index) => {
    cpu = Math.min(
      1,
      Math.max(
        0.01,
        cpu + (r.next() - 0.5) * 0.1 + (r.chance(0.02) ? 0.5 : 0) - (cpu > 0.4 ? 0.08 : 0),
      ),
    );
    memory = Math.min(0.95, Math.max(0.2, memory + (r.next() - 0.5) * 0.02));
    return {
      at: new Date(from + index * step).toISOString(),
      cpu,
      memory_used: memory * 4.1e9,
      memory_total: 4.1e9,
      disk_used: 0.712 + index * 0.00004,
      agent_memory: 7.9e6 + r.below(400000),
      agent_cpu: 0.002 + r.next() * 0.003,
      spool_events: index > 120 && index < 140 ? (index - 120) * 40 : 0,
    };
  }).filter((_, index) => index < 70 || index > 84);
}

export function events(machine, q, world) {
  const kind = q.get('kind'),
    limit = Number(q.get('limit') ?? 100),
    before = Number(q.get('before') ?? 5000);
  const own = world.alerts
    .filter((one) => one.machine.id === machine.id)
    .flatMap((one) => one.events);
  const made = Array.from({ length: 600 }, (_, index) => {
    const position = 5000 - index;
    const time = new Date(Date.now() - index * 61000).toISOString();
    const line = `Nov 22 10:${String(index % 60).padStart(2, '0')}:07 ${machine.hostname} CRON[${4000 + index}]: (root) CMD (/usr/lib/nhat-ky/don-dep --ngay ${index})`;
    return {
      position,
      id: `${machine.id}/1/log/${position}`,
      received: time,
      time,
      kind: index % 7 === 3 ? 'port.opened' : 'log',
      logsource: { product: 'linux', service: 'cron' },
      fields:
        index % 7 === 3
          ? {
              'network.transport': 'tcp',
              'server.ip': '0.0.0.0',
              'server.port': 8000 + index,
              'process.name': 'python3',
            }
          : {
              'process.name': 'CRON',
              'event.action': 'cron',
              'user.name': 'root',
              'log.file.path': '/var/log/syslog',
            },
      raw: index % 7 === 3 ? null : line,
      machine: { id: machine.id, hostname: machine.hostname },
    };
  });
  const all = [
    ...own.map((one, index) => ({ ...one, position: 6000 + index })).reverse(),
    ...made,
  ].filter((one) => (!kind || one.kind === kind) && (before === 5000 || one.position < before));
  const items = all.slice(0, limit);
  return { items, next: all.length > limit ? items.at(-1).position : null };
}
