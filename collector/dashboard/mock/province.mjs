// A province to look at: agencies, machines, alerts. All names and addresses are invented.

import { random, uuid } from './random.mjs';
import { RULES } from './rules.mjs';

const DEPARTMENTS = [
  'Sở Thông tin và Truyền thông',
  'Sở Tài chính',
  'Sở Y tế',
  'Sở Giáo dục và Đào tạo',
  'Sở Tư pháp',
  'Sở Nội vụ',
  'Sở Xây dựng',
  'Văn phòng Uỷ ban nhân dân tỉnh',
  'Trung tâm dữ liệu tỉnh',
];
const COMMUNES = [
  'Tân Phú',
  'Bình An',
  'Hoà Lợi',
  'Long Thành',
  'Mỹ Đức',
  'Phước Hải',
  'An Khê',
  'Đồng Tâm',
  'Yên Sơn',
  'Quảng Lạc',
  'Thạnh Hưng',
  'Vĩnh Châu',
  'Đức Hoà',
  'Xuân Lộc',
  'Thiện Nghiệp',
];
const ROLES = ['vanthu', 'ketoan', 'motcua', 'lanhdao', 'diachinh', 'tuphap'];

export function province(seed = 7, count = 380, alertCount = 1400, now = Date.now()) {
  const r = random(seed);
  const agencies = [...DEPARTMENTS, ...COMMUNES.map((name) => `Xã ${name}`)].map((name, index) => ({
    id: index + 1,
    code: index < DEPARTMENTS.length ? `SO-${index + 1}` : `XA-${index + 1}`,
    name,
    parent: index >= DEPARTMENTS.length && index % 3 > 0 ? DEPARTMENTS.length : null,
    from: '',
    until: null,
    version: 1,
  }));
  const rules = RULES.map((rule) => ({
    ...rule,
    id: uuid(r),
    path: `packs/${rule.logsource.service ?? rule.logsource.category}/${rule.title.en.toLowerCase().replace(/\W+/g, '_')}.yml`,
  }));
  const machines = Array.from({ length: count }, (_, index) => machine(r, agencies, index, now));
  const alerts = Array.from({ length: alertCount }, (_, index) => {
    const age = index < 12 ? r.next() * 3.6e6 : Math.pow(r.next(), 1.2) * 7 * 86.4e6;
    return alert(r, rules, machines, index + 1, now - age, now);
  });
  hostile(machines, alerts);
  return { agencies, rules, machines, alerts, r };
}

function machine(r, agencies, index, now) {
  const agency = r.pick(agencies);
  const server = agency.name.startsWith('Trung tâm') || r.chance(0.05);
  const state = r.weighted([
    ['online', 84],
    ['silent', 3],
    ['stopped', 8],
    ['asleep', 4],
    ['never', 1],
  ]);
  const av = r.weighted([
    ['protected', 72],
    ['weak', 12],
    ['off', 4],
    ['missing', 6],
    ['unknown', 6],
  ]);
  const heard =
    state === 'never'
      ? null
      : new Date(
          now - (state === 'online' ? r.below(15000) : 120000 + r.below(5 * 86.4e6)),
        ).toISOString();
  const days =
    av === 'protected'
      ? r.next() * 3
      : av === 'weak'
        ? r.weighted([
            [8 + r.next() * 6, 2],
            [16 + r.next() * 60, 5],
          ])
        : av === 'off'
          ? r.next() * 30
          : null;
  const reasons = {
    protected: [],
    weak: [days > 7 ? 'signatures_outdated' : 'realtime_off'],
    off: ['engine_stopped', 'realtime_off'],
    missing: ['no_product'],
    unknown: ['state_unknown'],
  }[av];
  const product =
    av === 'missing'
      ? null
      : r.weighted([
          ['ClamAV', 6],
          ['Kaspersky Endpoint Security', 3],
          ['Microsoft Defender for Endpoint', 3],
          ['ESET Server Security', 1],
        ]);
  const ref = { id: agency.id, code: agency.code, name: agency.name };
  return {
    id: uuid(r),
    hostname: server
      ? `mc-${r.pick(['cong-ttdt', 'vanban', 'mail', 'csdl', 'motcua', 'lgsp'])}-${String(index).padStart(2, '0')}`
      : `${agency.code.toLowerCase()}-${r.pick(ROLES)}-${String(1 + r.below(40)).padStart(2, '0')}`,
    agency: ref,
    state,
    last_heard: heard,
    os: server
      ? r.pick(['Debian GNU/Linux 12', 'Ubuntu 22.04 LTS', 'Ubuntu 24.04 LTS'])
      : r.pick([
          'Windows 10 Pro 22H2',
          'Windows 7 Professional',
          'Windows 11 Pro',
          'Ubuntu 24.04 LTS',
        ]),
    ip: [`10.${agency.id}.${r.below(8)}.${1 + r.below(254)}`],
    antivirus: { state: av, product, signatures_age_days: days, reasons },
    open_ports: (server ? 8 : 3) + r.below(server ? 18 : 9),
    open_ports_lan: r.below(server ? 8 : 3),
    alerts_open: 0,
    risk: 0,
    cpu: state === 'online' ? Math.pow(r.next(), 3) : null,
    memory_used: state === 'online' ? 0.2 + r.next() * 0.7 : null,
    disk_used: state === 'never' ? null : 0.2 + r.next() * 0.78,
    clock_offset_us: r.chance(0.02) ? -94608000000000 : r.below(4000) - 2000,
    agent_version: state === 'never' ? null : '0.1.0',
  };
}

export function alert(r, rules, machines, number, at, now) {
  const rule = r.weighted(
    rules.map((one) => [
      one,
      { critical: 1, high: 4, medium: 8, low: 10, informational: 6 }[one.level],
    ]),
  );
  const on = r.pick(machines);
  const made = rule.event(r);
  const state =
    at > now - 1.5e7
      ? r.weighted([
          ['open', 5],
          ['acknowledged', 1],
        ])
      : r.weighted([
          ['open', 1],
          ['acknowledged', 1],
          ['closed', 14],
        ]);
  const last = new Date(at).toISOString();
  const first = new Date(at - (r.chance(0.4) ? r.below(3.6e6) : 0)).toISOString();
  const count = first === last ? 1 : 2 + r.below(60);
  if (state === 'open') on.alerts_open += 1;
  on.risk += { critical: 100, high: 30, medium: 10, low: 3, informational: 0 }[rule.level] / 2;
  const verdict = r.weighted([
    ['false_positive', 3],
    ['benign', 3],
    ['true_positive', 2],
  ]);
  const history = [{ at: last, who: 'system', action: 'raised', comment: null }];
  if (state !== 'open')
    history.push({
      at: new Date(at + 240000).toISOString(),
      who: 'tructiep1',
      action: 'acknowledged',
      comment: null,
    });
  if (state === 'closed')
    history.push({
      at: new Date(at + 2.4e6).toISOString(),
      who: 'tructiep1',
      action: 'closed',
      about: verdict,
      comment: 'Đã liên hệ đơn vị, máy thử nghiệm của phòng kỹ thuật.',
    });
  const position = 100000 + number * 7;
  return {
    id: r.hex(32),
    number,
    rule: rule.id,
    title: rule.title,
    level: rule.level,
    rule_level: rule.level,
    raised_by: [],
    state,
    verdict: state === 'closed' ? verdict : null,
    version: history.length,
    silence: null,
    machine: { id: on.id, hostname: on.hostname },
    agency: on.agency,
    group: made.group,
    count,
    starts_at: first,
    last_at: last,
    raised_at: new Date(at + 400).toISOString(),
    late: r.chance(0.02),
    assignee: state === 'open' ? null : 'tructiep1',
    description: rule.description,
    steps: rule.steps,
    tags: rule.tags,
    fingerprint: r.hex(16),
    correlation: rule.correlation
      ? { count: 6 + r.below(20), first_at: first, last_at: last }
      : null,
    events: Array.from({ length: rule.correlation ? 3 : 1 }, (_, index) => ({
      position: position + index,
      id: `${on.id}/1/alert/${position + index}`,
      received: new Date(at + 300).toISOString(),
      time: last,
      kind: made.kind,
      logsource: rule.logsource,
      fields: made.fields,
      raw: made.raw,
      machine: { id: on.id, hostname: on.hostname },
    })),
    predicates: made.predicates.map(
      ([selection, field, modifiers, pattern, value, start = null, end = null]) => ({
        selection,
        field,
        modifiers,
        pattern,
        value,
        start,
        end,
      }),
    ),
    history,
  };
}

/** What an owned machine may claim. */
function hostile(machines, alerts) {
  machines[3].hostname = '<b onmouseover=alert(1)>pc</b>';
  machines[5].hostname = 'pc-\u202Efdp.exe\u202C';
  machines[8].hostname = 'pc\u0000\u001b[2J\u200b-zwsp';
  machines[9].hostname = `rat-dai-${'x'.repeat(240)}`;
  for (const one of alerts) {
    const found = machines.find((machine) => machine.id === one.machine.id);
    one.machine = { id: found.id, hostname: found.hostname };
  }
}
