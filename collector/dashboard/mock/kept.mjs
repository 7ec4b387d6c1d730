// What is kept, how long and for whom; and rules that look back over it.

const MINIMUM = { 1: 1, 2: 1, 3: 3, 4: 6, 5: 12 };
const DAY = 86.4e6;
const ago = (days) => new Date(Date.now() - days * DAY).toISOString();

export function archive(world) {
  const levels = [3, 2, 3, 2, 2, 2, 1, 3, 4];
  const agencies = world.agencies.map((agency, index) => {
    const level = levels[index] ?? 2;
    const rows = 3_000_000 + ((index * 7_919_113) % 41_000_000);
    return {
      code: agency.code,
      name: agency.name,
      files: 90 + index * 7,
      bytes: rows * 31,
      rows,
      oldest: ago(index === 8 ? 180 : 30 * MINIMUM[level] - (index % 5)),
      level,
      months: index === 8 ? 12 : Math.max(MINIMUM[level], 3),
      legal_months: MINIMUM[level],
      inherited: index % 3 === 1,
    };
  });
  if (agencies.length > 0)
    agencies.push({
      code: '',
      name: '',
      files: 12,
      bytes: 812_000,
      rows: 21_344,
      oldest: ago(20),
      level: 2,
      months: 3,
      legal_months: 1,
      inherited: true,
    });
  const holds = [
    {
      id: 1,
      agency: 'SO-3',
      host: 'mc-mail-07',
      from: ago(40),
      to: ago(33),
      why: 'Vụ việc 12/2026: xác minh thư lừa đảo gửi từ hộp thư đơn vị',
      until: new Date(Date.now() + 120 * DAY).toISOString(),
      who: 'admin',
      at: ago(30),
    },
  ];
  const damaged = world.agencies.length
    ? [
        {
          path: 'events/agency=XA-12/date=2026-11-09/5b0c1a77e0d84b6f9a3e2c1d4f5a6b7c.parquet',
          reason: 'the checksum of row group 3 differs from the one in the manifest',
          rows: 48_213,
          found_at: ago(1.2),
        },
      ]
    : [];
  let last = 1;

  function read() {
    const sum = (name) => agencies.reduce((total, one) => total + one[name], 0);
    return {
      files: sum('files'),
      bytes: sum('bytes'),
      rows: sum('rows'),
      oldest: agencies.length ? ago(180) : null,
      newest: agencies.length ? new Date(Date.now() - 41_000).toISOString() : null,
      raw_bytes: sum('rows') * 337,
      agencies,
      holds,
      disk: { free: 212e9, total: 512e9, full_in_days: agencies.length ? 41 : null },
      damaged,
      waiting_events: agencies.length ? 1204 : 0,
      legal: 'TCVN 14423:2026, log storage by level, 2026 (to verify)',
    };
  }

  function keep(code, { level, months, why }) {
    const found = agencies.find((one) => one.code === code);
    if (!found) return { status: 404, detail: 'no such agency' };
    if (!why) return { status: 422, detail: 'Say why.' };
    if (months < MINIMUM[level])
      return {
        status: 422,
        detail: `A system of level ${level} keeps its logs at least ${MINIMUM[level]} months: TCVN 14423:2026, log storage by level, 2026 (to verify).`,
      };
    Object.assign(found, { level, months, legal_months: MINIMUM[level] });
    return null;
  }

  function hold(body, person) {
    if (!body.why) return { status: 422, detail: 'Say why.' };
    last += 1;
    holds.push({
      id: last,
      agency: null,
      host: null,
      until: null,
      ...body,
      who: person.name,
      at: new Date().toISOString(),
    });
    return null;
  }

  function release(id) {
    const place = holds.findIndex((one) => String(one.id) === id);
    if (place >= 0) holds.splice(place, 1);
    return place >= 0;
  }

  return { read, keep, hold, release };
}

/** What is wrong with the text of a rule. */
export function checkedRule(text) {
  const lines = text.split('\n');
  const problem = (line, what) => ({
    path: 'draft.yml',
    line,
    column: 1,
    rule: null,
    what,
    hint: null,
    severity: 'error',
  });
  const tab = lines.findIndex((line) => /^\s*\t/.test(line));
  if (tab >= 0) return [problem(tab + 1, 'tabs cannot indent YAML; use spaces')];
  return /^detection:/m.test(text) ? [] : [problem(lines.length, 'the rule has no detection')];
}

/** Jobs that are done after two seconds; a rule with "slow" in it takes a minute. */
export function backtests(world) {
  const jobs = [];
  let last = 0;

  function make(rule, title, reason, from, to, who, slow = false) {
    last += 1;
    jobs.unshift({
      id: String(last),
      rule,
      title,
      reason,
      from,
      to,
      who,
      began: Date.now(),
      takes: slow ? 60_000 : 2000,
      stopped: false,
    });
    return jobs[0];
  }

  function ask(body, who) {
    const known = world.rules.find((one) => one.id === body.rule_id);
    if (body.rule_id && !known) return { status: 404, detail: 'no such rule' };
    if (!known) {
      const [wrong] = checkedRule(body.rule ?? '');
      if (wrong) return { status: 422, detail: `draft.yml:${wrong.line}:1: error: ${wrong.what}` };
    }
    const title = known?.title.en ?? /^title:\s*(.+)$/m.exec(body.rule)?.[1] ?? '';
    const slow = /slow/.test(body.rule ?? '');
    return { job: make(known?.id ?? null, title, 'asked', body.from, body.to, who, slow) };
  }

  function view(job) {
    const part = Math.min(
      1,
      (job.stoppedAt ?? Date.now()) - job.began < 0
        ? 0
        : ((job.stoppedAt ?? Date.now()) - job.began) / job.takes,
    );
    const [from, to] = [Date.parse(job.from), Date.parse(job.to)];
    const days = Math.max(1, Math.round((to - from) / DAY));
    const by_day = Array.from({ length: days }, (_, index) => ({
      date: new Date(from + (index + 0.5) * DAY).toISOString().slice(0, 10),
      count: index % 6 === 2 ? 1 + (index % 4) : 0,
    })).filter((_, index) => index < days * part);
    const matches = by_day.reduce((sum, day) => sum + day.count, 0);
    const samples = world.alerts
      .filter((alert) => alert.events.length > 0)
      .slice(0, Math.min(matches, 4))
      .map((alert) => alert.events[0]);
    const hit = by_day.filter((day) => day.count > 0);
    return {
      id: job.id,
      rule: job.rule,
      title: job.title,
      reason: job.reason,
      state: job.stoppedAt ? 'stopped' : part < 1 ? 'running' : 'done',
      from: job.from,
      to: job.to,
      events_done: Math.round(19_400_000 * part),
      events_total: 19_400_000,
      matches,
      hosts: new Set(samples.map((one) => one.machine.id)).size,
      first: hit[0] ? `${hit[0].date}T03:11:09Z` : null,
      last: hit.at(-1) ? `${hit.at(-1).date}T09:40:51Z` : null,
      by_day,
      samples: part < 1 ? [] : samples,
      missing: [],
      sentence: '',
      error: null,
      who: job.who,
      began_at: new Date(job.began).toISOString(),
      ended_at: part >= 1 ? new Date(job.began + job.takes).toISOString() : null,
    };
  }

  // A rule that came with the last update has looked back by itself.
  const added = world.rules[1];
  if (added) {
    const job = make(added.id, added.title.en, 'rule_added', ago(30), ago(0), '');
    job.began -= 7.2e6;
  }
  return { jobs, ask, view };
}
