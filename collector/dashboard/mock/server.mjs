// The API with an invented province behind it, for looking at the page and for its browser tests.
//   node mock/server.mjs [port] [--empty] [--dist]
// Sign in as admin / matkhau-thu-nghiem; as moi / matkhau-thu-nghiem to see the first change of the password,
// as phantich / matkhau-thu-nghiem to see what an analyst of one agency sees.

import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { NAMES, operators, person } from './access.mjs';
import { alert as makeAlert, province } from './province.mjs';
import { approve, connections, detail, events, heartbeats, ports, revoke } from './machine.mjs';
import { checked, configuration, said, say } from './configuration.mjs';
import { PROBLEMS } from './rules.mjs';
import { hunting } from './hunts.mjs';
import { pages } from './pages.mjs';
import { archive, backtests, checkedRule } from './kept.mjs';
import { triaging } from './triage.mjs';
import { organisation } from './organisation.mjs';

const LEVELS = ['critical', 'high', 'medium', 'low', 'informational'];
const DIST = new URL('../dist/', import.meta.url).pathname;
const CSP =
  "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const PASSWORD = 'matkhau-thu-nghiem';

export function start({ port = 0, empty = false } = {}) {
  const world = empty
    ? { agencies: [], rules: province().rules, machines: [], alerts: [], r: province().r }
    : province();
  const sessions = new Map();
  const staff = operators();
  const listeners = new Set();
  const state = { world, listeners, down: false };
  let token = 0;

  /** Whether an agency is this one or below it. */
  const within = (id, top) =>
    id === top || (id != null && within(world.agencies.find((one) => one.id === id)?.parent, top));

  const tell = (event, data) => {
    for (const out of listeners) out.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };

  /** Raises an alert now, as a rule would. */
  state.raise = (change = {}) => {
    const made = {
      ...makeAlert(
        world.r,
        world.rules,
        world.machines,
        world.alerts.length + 1,
        Date.now(),
        Date.now(),
      ),
      state: 'open',
      ...change,
    };
    world.alerts.unshift(made);
    tell('alert', { topic: 'alert', id: made.id, agency: made.agency.id });
    return made;
  };
  state.tell = tell;
  /** Cuts every live connection, as a restart would. */
  state.cut = () => {
    for (const out of listeners) out.destroy();
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    if (state.down) return request.socket.destroy();
    try {
      if (url.pathname.startsWith('/api/v1/')) await api(request, response, url);
      else file(response, url.pathname);
    } catch (error) {
      send(response, 500, { title: 'mock failed', detail: String(error?.stack ?? error) });
    }
  });

  async function api(request, response, url) {
    const path = url.pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent);
    const q = url.searchParams;
    const cookie = /soc_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    const known = sessions.get(cookie);
    const body = request.method === 'GET' ? {} : await read(request);
    if (request.method !== 'GET' && request.headers['x-requested-with'] !== 'soc')
      return problem(response, 403, 'missing header');
    if (path[0] === 'meta') return send(response, 200, { name: 'soc', provider: null });
    if (path[0] === 'session') return session(request, response, path, known, cookie, body);
    if (!known) return problem(response, 401, 'sign in');
    if (path[0] === 'operators') {
      const [status, answer] = staff.answer(request.method, path, body);
      return send(response, status, answer);
    }
    if (triage.answer(request, response, path, q, body, known)) return;
    if (path[0] === 'hunts') return hunts.answer(request, response, path, q, body, known);
    const organised = office.answer(request.method, path, q, body);
    if (organised)
      return organised.refused
        ? problem(response, organised.status, organised.detail)
        : send(response, organised.status, organised.body);
    const key = `${request.method} ${path[0]}${path[1] ? '/:id' : ''}${path[2] ? `/${path[2]}` : ''}`;
    const agency = q.get('agency');
    const at = (one) => !agency || within(one.agency?.id, Number(agency));
    if (more.answer(request, response, path, q, body, person, at) !== false) return;
    if (path[0] === 'archive' && path[1] === 'retention') {
      const refused = kept.keep(path[2], body);
      return refused
        ? problem(response, refused.status, refused.detail)
        : send(response, 200, kept.read());
    }
    if (path[0] === 'archive' && path[2] && request.method === 'DELETE')
      return kept.release(path[2]) ? send(response, 204) : problem(response, 404, 'no such hold');
    switch (key) {
      case 'GET overview':
        return send(response, 200, {
          ...overview(world, at),
          agency: agency ? Number(agency) : null,
        });
      case 'GET alerts':
        return send(response, 200, page(filterAlerts(world, q, at), q, row));
      case 'GET alerts/:id': {
        if (path[1] === 'timeline') return send(response, 200, timeline(world, q, at));
        const found = world.alerts.find((one) => one.id === path[1]);
        return found ? send(response, 200, found) : problem(response, 404, 'no such alert');
      }
      case 'POST alerts/:id/acknowledge':
      case 'POST alerts/:id/close':
      case 'POST alerts/:id/reopen':
      case 'POST alerts/:id/comment':
        return act(response, path, body, known);
      case 'POST alerts/:id/normal':
        more.called(
          world.alerts.find((one) => one.id === path[1]),
          body.scope,
          known.name,
        );
        return act(
          response,
          [...path.slice(0, 2), 'close'],
          { comment: 'normal', verdict: 'benign', ...body },
          known,
        );
      case 'GET machines':
        return send(response, 200, page(filterMachines(world, q, at, more), q));
      case 'GET machines/:id': {
        const found = find(path[1]);
        return found
          ? send(response, 200, detail(found))
          : problem(response, 404, 'no such machine');
      }
      case 'GET machines/:id/ports':
        return send(response, 200, { items: ports(find(path[1])) });
      case 'GET machines/:id/connections':
        return send(response, 200, { items: connections(find(path[1])) });
      case 'POST machines/:id/ports': {
        const made = approve(find(path[1]), body, known.name);
        tell('machine', { topic: 'machine', id: path[1] });
        return send(response, 200, made);
      }
      case 'POST port-approvals/:id/revoke':
        revoke(Number(path[1]));
        return send(response, 204);
      case 'GET machines/:id/heartbeats':
        return send(response, 200, { items: heartbeats(find(path[1]), q) });
      case 'GET machines/:id/events':
        return send(response, 200, events(find(path[1]), q, world));
      case 'GET neighbours':
        return send(
          response,
          200,
          page(
            neighbours.filter((one) => at(one) && around(one, q)),
            q,
          ),
        );
      case 'POST neighbours/:id': {
        const one = neighbours.find((found) => found.mac === body.mac);
        if (!one) return problem(response, 422, 'no such neighbour');
        if (body.decision && !body.reason) return problem(response, 422, 'say why');
        one.decided = body.decision
          ? {
              decision: body.decision,
              reason: body.reason,
              by: known.name,
              at: new Date().toISOString(),
            }
          : null;
        return send(response, 204);
      }
      case 'GET agencies':
        return send(response, 200, { items: world.agencies.map(coverage) });
      case 'POST agencies': {
        return send(response, 201, office.made(body));
      }
      case 'POST tokens':
        return send(response, 201, {
          token: 'k7Qm2x',
          ...body,
          ca_pin: 'sha256:ab12',
          command: `soc-agent enrol --collector https://soc.tinh.example:7443 --token k7Qm2xV9dPzR4tYb --ca-pin sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
        });
      case 'GET rules':
        return send(response, 200, {
          version: '5f3c9a1b77e0',
          items: world.rules.map(ruleRow),
          problems: PROBLEMS,
        });
      case 'GET rules/:id': {
        const found = world.rules.find((one) => one.id === path[1]);
        return found
          ? send(response, 200, {
              ...ruleRow(found),
              source: `title: ${found.title.en}\nid: ${found.id}\nlevel: ${found.level}\ndetection:\n  selection:\n    field|contains: value\n  condition: selection\n`,
            })
          : problem(response, 404, 'no such rule');
      }
      case 'POST rules/:id': {
        const problems = checkedRule(body.source);
        return send(response, 200, { rules: problems.length ? 0 : 1, problems });
      }
      case 'POST rules/:id/unpark': {
        if (!parked.delete(path[1])) return problem(response, 409, 'not parked');
        tell('rules', { topic: 'rules' });
        return send(response, 204);
      }
      case 'GET configurations':
        return send(response, 200, configuration(world, q.get('scope') ?? 'fleet'));
      case 'POST configurations': {
        if (checked(body.text).length > 0)
          return problem(response, 422, checked(body.text)[0].what);
        say(body.scope, body.text, body.why, null);
        return send(response, 201, configuration(world, body.scope));
      }
      case 'POST configurations/:id': {
        if (path[1] === 'check') return send(response, 200, { problems: checked(body.text) });
        const found = said.find((one) => one.version === body.version);
        if (path[1] !== 'restore' || !found) return problem(response, 404, 'no such version');
        say(body.scope, found.text, body.why, body.version);
        return send(response, 201, configuration(world, body.scope));
      }
      case 'GET audit':
        return send(response, 200, page(deeds(world), q));
      case 'GET live':
        return live(request, response);
      case 'GET events/:id': {
        const found = hunts.at(path[1]);
        return found ? send(response, 200, found) : problem(response, 404, 'no such event');
      }
      case 'GET backtests':
        return send(response, 200, looks.jobs.map(looks.view));
      case 'POST backtests': {
        const asked = looks.ask(body, known.name);
        if (!asked.job) return problem(response, asked.status, asked.detail, {});
        tell('backtest', { topic: 'backtest' });
        return send(response, 202, { id: asked.job.id, ids: [asked.job.id] });
      }
      case 'GET backtests/:id':
      case 'DELETE backtests/:id': {
        const found = looks.jobs.find((one) => one.id === path[1]);
        if (!found) return problem(response, 404, 'no such look back');
        if (request.method === 'GET') return send(response, 200, looks.view(found));
        if (looks.view(found).state !== 'running') looks.jobs.splice(looks.jobs.indexOf(found), 1);
        else found.stoppedAt = Date.now();
        tell('backtest', { topic: 'backtest' });
        return send(response, 204);
      }
      case 'GET archive':
        return send(response, 200, kept.read());
      case 'POST archive/:id': {
        const refused = kept.hold(body, known);
        return refused
          ? problem(response, refused.status, refused.detail)
          : send(response, 201, kept.read());
      }
      default:
        return problem(response, 404, `no ${key}`);
    }
  }

  const more = pages(world, { send, problem, page, row });
  const neighbours = makeNeighbours(world);
  const hunts = hunting(world, { send, problem });
  const kept = archive(world);
  const office = organisation(world);
  const looks = backtests(world);
  const triage = triaging(world, {
    send,
    problem,
    tell,
    matching: (query) => {
      const q = new URLSearchParams(query);
      const agency = q.get('agency');
      return filterAlerts(world, q, (one) => !agency || within(one.agency?.id, Number(agency)));
    },
    rule: (found) => ruleRow(found),
  });
  state.hunts = hunts;
  const find = (id) => world.machines.find((one) => one.id === id);
  // One rule is parked until somebody takes it up again.
  const parked = new Set([world.rules.find((one) => !one.correlation).id]);
  const steps = (id) =>
    1 + ([...id].reduce((sum, sign) => sum * 31 + sign.codePointAt(0), 7) % 997);
  const allSteps = world.rules.reduce((sum, one) => sum + steps(one.id), 0);
  const ruleRow = ({ event, steps: handling, ...rule }) => {
    const hits = world.alerts.filter((one) => one.rule === rule.id).length;
    return {
      ...rule,
      hits,
      ...triage.noise(rule.id),
      asked: rule.correlation ? 0 : 40_000 + steps(rule.id) * 13,
      matched: hits,
      cost: rule.correlation ? 0 : steps(rule.id) / allSteps,
      parked: parked.has(rule.id)
        ? {
            position: 48_213,
            event: '6b1d6f1e-3c2a-4c7e-9d55-0a3c8f1b7d11/1/log/913',
            at: new Date(Date.now() - 3_600_000).toISOString(),
          }
        : null,
    };
  };
  function coverage(agency) {
    const here = world.machines.filter((one) => one.agency.id === agency.id);
    return {
      ...agency,
      machines: here.length,
      online: here.filter((one) => one.state === 'online').length,
      antivirus_coverage: antivirusCounts(here).coverage,
      antivirus: antivirusCounts(here),
    };
  }

  function session(request, response, path, known, cookie, body) {
    if (path[1] === 'password') {
      if (body.old !== PASSWORD) return problem(response, 422, 'the current password is wrong');
      known.must_change = false;
      return send(response, 204);
    }
    if (request.method === 'GET')
      return known ? send(response, 200, known) : problem(response, 401, 'sign in');
    if (request.method === 'DELETE') {
      sessions.delete(cookie);
      return send(response, 204);
    }
    if (!NAMES.includes(body.name) || body.password !== PASSWORD)
      return problem(response, 401, 'wrong name or password');
    const made = person(body.name);
    const id = `t${(token += 1)}x${Date.now()}`;
    sessions.set(id, made);
    response.setHeader('set-cookie', `soc_session=${id}; HttpOnly; SameSite=Strict; Path=/`);
    return send(response, 200, { ...made, token: id });
  }

  function act(response, path, body, person) {
    const found = world.alerts.find((one) => one.id === path[1]);
    if (!found) return problem(response, 404, 'no such alert');
    if (path[2] === 'close' && !(body.comment && body.verdict))
      return problem(response, 422, 'a verdict and a comment are needed');
    if (body.version !== undefined && body.version !== found.version)
      return triage.changed(response, found);
    const to = { acknowledge: 'acknowledged', close: 'closed', reopen: 'open' }[path[2]];
    if (to) found.state = to;
    if (to) found.verdict = to === 'closed' ? body.verdict : null;
    found.version += 1;
    found.assignee = to === 'open' ? null : person.name;
    found.history.push({
      at: new Date().toISOString(),
      who: person.name,
      action: {
        acknowledge: 'acknowledged',
        close: 'closed',
        reopen: 'reopened',
        comment: 'commented',
      }[path[2]],
      comment: body.comment ?? null,
      about: path[2] === 'close' ? body.verdict : null,
    });
    tell('alert', { topic: 'alert', id: found.id, agency: found.agency.id });
    return send(response, 200, found);
  }

  function live(request, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`event: hello\ndata: {"version":"0.1.0"}\n\n`);
    listeners.add(response);
    const beat = setInterval(() => response.write(': still here\n\n'), 15000);
    request.on('close', () => {
      clearInterval(beat);
      listeners.delete(response);
    });
  }

  return new Promise((done) =>
    server.listen(port, '127.0.0.1', () => {
      state.port = server.address().port;
      state.url = `http://127.0.0.1:${state.port}`;
      state.stop = () =>
        new Promise((ended) => {
          state.cut();
          server.close(ended);
          server.closeAllConnections?.();
        });
      done(state);
    }),
  );
}

/** Machines by antivirus; nobody looks for machines without an agent here. */
function antivirusCounts(machines) {
  const of = (...states) => machines.filter((one) => states.includes(one.antivirus.state)).length;
  const reasons = new Map();
  for (const one of machines.filter((one) => one.antivirus.state === 'weak')) {
    for (const reason of one.antivirus.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return {
    protected: of('protected'),
    weak: of('weak'),
    unprotected: of('off', 'missing'),
    unknown: of('unknown'),
    coverage: machines.length ? of('protected') / machines.length : null,
    weak_reasons: [...reasons]
      .map(([reason, count]) => ({ reason, machines: count }))
      .sort((a, b) => b.machines - a.machines),
    without_agent: null,
  };
}

function overview(world, at) {
  const machines = world.machines.filter(at);
  const alerts = world.alerts.filter(at);
  const count = (test) => machines.filter(test).length;
  const open = Object.fromEntries(
    LEVELS.map((level) => [
      level,
      alerts.filter((one) => one.state === 'open' && one.level === level).length,
    ]),
  );
  const by = (state) => count((one) => one.state === state);
  return {
    machines: {
      total: machines.length,
      online: by('online'),
      silent: by('silent'),
      stopped: by('stopped'),
      asleep: by('asleep'),
    },
    antivirus: antivirusCounts(machines),
    events: 4_812_331 + Math.floor((Date.now() % 8.64e7) / 7),
    signatures_outdated: count((one) => (one.antivirus.signatures_age_days ?? 0) > 15),
    alerts: { open, acknowledged: alerts.filter((one) => one.state === 'acknowledged').length },
    newest: sorted(alerts).slice(0, 8).map(row),
    at: new Date().toISOString(),
  };
}

/** What was done to alerts, newest first, and one attempt to sign in. */
function deeds(world) {
  const done = world.alerts.flatMap((one) =>
    one.history
      .filter((entry) => entry.action !== 'raised')
      .map((entry) => ({
        at: entry.at,
        who: entry.who,
        action: `alert ${entry.action}`,
        subject: `alert ${one.number}`,
        detail: entry.comment ?? '',
        address: '10.9.0.21',
      })),
  );
  const failed = {
    at: new Date().toISOString(),
    who: 'admin',
    action: 'sign-in failed',
    subject: '',
    detail: '',
    address: '10.9.0.77',
  };
  const all = [failed, ...done.sort((a, b) => b.at.localeCompare(a.at))];
  return all.map((deed, place) => ({ number: all.length - place, ...deed }));
}

const sorted = (alerts) => [...alerts].sort((a, b) => b.last_at.localeCompare(a.last_at));
const row = ({
  description,
  steps,
  tags,
  fingerprint,
  correlation,
  events,
  predicates,
  history,
  ...rest
}) => rest;
const among = (q, name) => {
  const list = (q.get(name) ?? '').split(',').filter(Boolean);
  return (value) => list.length === 0 || list.includes(value);
};

function filterAlerts(world, q, at) {
  const state = among(q, 'state'),
    level = among(q, 'level'),
    machine = among(q, 'machine'),
    rule = among(q, 'rule'),
    verdict = among(q, 'verdict'),
    kind = among(q, 'kind');
  const assignee = q.get('assignee'),
    mine = assignee === 'me' ? 'admin' : assignee,
    silenced = q.get('silenced') ?? 'no',
    technique = q.get('technique')?.toLowerCase(),
    user = q.get('user');
  const raised = Date.parse(q.get('raised_from') ?? '') || 0;
  const text = (q.get('q') ?? '').toLowerCase();
  const from = Date.parse(q.get('from') ?? '') || 0,
    to = Date.parse(q.get('to') ?? '') || Infinity;
  return sorted(
    world.alerts.filter(
      (one) =>
        at(one) &&
        state(one.state) &&
        level(one.level) &&
        machine(one.machine.id) &&
        rule(one.rule) &&
        verdict(one.verdict) &&
        (!assignee || (assignee === 'nobody' ? !one.assignee : one.assignee === mine)) &&
        (silenced === 'all' ||
          (silenced === 'only') === (one.silence?.until != null && one.state !== 'closed')) &&
        (!technique || one.tags.some((tag) => tag.startsWith(`attack.${technique}`))) &&
        (!user || one.events[0].fields['user.name']?.toLowerCase() === user) &&
        kind(one.events[0].kind) &&
        Date.parse(one.raised_at) >= raised &&
        Date.parse(one.last_at) >= from &&
        Date.parse(one.last_at) <= to &&
        (!text ||
          String(one.number) === text ||
          JSON.stringify([one.title, one.machine.hostname, one.group])
            .toLowerCase()
            .includes(text)),
    ),
  );
}

function makeNeighbours(world) {
  const makers = ['Dell', 'HP', 'Brother', 'Hikvision', null, 'MikroTik', 'TP-LINK', 'Canon'];
  const names = ['may-in-tang-2', null, 'camera-cong', 'DESKTOP-7K2', null, null, 'MAYTINH-04'];
  return world.machines.slice(0, 60).map((machine, index) => {
    const hex = (number) => number.toString(16).padStart(2, '0');
    const mac = `00:1b:a9:${hex(index % 256)}:${hex((index * 7) % 256)}:${hex((index * 31) % 256)}`;
    const isPrivate = index % 9 === 4;
    return {
      agency: machine.agency,
      mac: isPrivate ? `02${mac.slice(2)}` : mac,
      private: isPrivate,
      ip: [`10.${index % 4}.8.${index + 2}`, ...(index % 5 === 0 ? ['fe80::21b:a9ff:fe00:1'] : [])],
      name: names[index % names.length],
      vendor: isPrivate ? null : makers[index % makers.length],
      gateway: index % 20 === 5,
      seen_by: ['arp', ...(index % 3 ? ['dhcp'] : ['mdns', 'nd'])],
      witnesses: world.machines
        .slice(index, index + 1 + (index % 4))
        .map(({ id, hostname }) => ({ id, hostname })),
      has_agent: index % 3 === 2,
      first_seen: new Date(Date.now() - (index + 1) * 7.1e7).toISOString(),
      last_seen: new Date(Date.now() - index * 1.9e6).toISOString(),
      decided:
        index % 7 === 6 && index % 3 !== 2
          ? {
              decision: 'not_a_computer',
              reason: 'Máy in phòng văn thư',
              by: 'admin',
              at: new Date(Date.now() - 9e7).toISOString(),
            }
          : null,
    };
  });
}

function around(one, q) {
  const coverage = q.get('coverage') ?? 'without';
  const machine = q.get('machine');
  const text = (q.get('q') ?? '').toLowerCase();
  const is = one.has_agent ? 'with' : one.decided ? 'decided' : 'without';
  return (
    (coverage === 'all' || coverage === is) &&
    (!machine || one.witnesses.some((witness) => witness.id === machine)) &&
    JSON.stringify(one).toLowerCase().includes(text)
  );
}

function filterMachines(world, q, at, more) {
  const state = among(q, 'state'),
    antivirus = among(q, 'antivirus'),
    reason = q.get('antivirus_reason');
  const text = (q.get('q') ?? '').toLowerCase();
  const days = Number(q.get('signatures_days') ?? 0);
  const changed = q.get('changed') && more.machines({ changed: q.get('changed') }, at);
  const sort = q.get('sort') ?? 'hostname';
  const by = {
    hostname: (one) => one.hostname,
    state: (one) => one.state,
    agency: (one) => one.agency.code,
    antivirus: (one) => one.antivirus.state,
    signatures: (one) => one.antivirus.signatures_age_days ?? -1,
    cpu: (one) => one.cpu ?? -1,
    memory: (one) => one.memory_used ?? -1,
    disk: (one) => one.disk_used ?? -1,
    last_heard: (one) => one.last_heard ?? '',
    enrolled: (one) => one.id,
  }[sort.replace('-', '')];
  return world.machines
    .filter(
      (one) =>
        at(one) &&
        state(one.state) &&
        antivirus(one.antivirus.state) &&
        (!reason || one.antivirus.reasons.includes(reason)) &&
        (one.antivirus.signatures_age_days ?? 0) >= days &&
        (!changed || changed.includes(one)) &&
        (!text || `${one.hostname} ${one.ip.join(' ')} ${one.os}`.toLowerCase().includes(text)),
    )
    .sort(
      (a, b) =>
        (by(a) > by(b) ? 1 : by(a) < by(b) ? -1 : 0) * (sort.startsWith('-') ? -1 : 1) ||
        a.hostname.localeCompare(b.hostname),
    );
}

function page(all, q, map = (one) => one) {
  const from = Number(q.get('cursor') ?? 0),
    limit = Math.min(1000, Number(q.get('limit') ?? 100));
  return {
    items: all.slice(from, from + limit).map(map),
    next: from + limit < all.length ? String(from + limit) : null,
    total: all.length,
  };
}

function timeline(world, q, at) {
  const to = Date.parse(q.get('to') ?? '') || Date.now(),
    from = Date.parse(q.get('from') ?? '') || to - 86.4e6;
  const count = Number(q.get('buckets') ?? 48),
    step = Math.max(60, Math.ceil((to - from) / 1000 / count));
  const buckets = Array.from({ length: Math.ceil((to - from) / 1000 / step) }, (_, index) => ({
    at: new Date(from + index * step * 1000).toISOString(),
    ...Object.fromEntries(LEVELS.map((level) => [level, 0])),
  }));
  for (const one of world.alerts.filter(at)) {
    const bucket = buckets[Math.floor((Date.parse(one.last_at) - from) / 1000 / step)];
    if (bucket) bucket[one.level] += 1;
  }
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    step_s: step,
    buckets,
  };
}

function read(request) {
  return new Promise((done) => {
    let text = '';
    request.on('data', (piece) => (text += piece));
    // A file is not JSON: it is handed on as it came.
    const isFile = request.headers['content-type'] === 'application/octet-stream';
    request.on('end', () => done(isFile ? { text } : text ? JSON.parse(text) : {}));
  });
}

function send(response, status, body) {
  response.writeHead(status, {
    'content-type': status >= 400 ? 'application/problem+json' : 'application/json',
  });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

function problem(response, status, detail, more = {}) {
  send(response, status, {
    type: 'about:blank',
    title: `status ${status}`,
    status,
    detail,
    ...more,
  });
}

function file(response, path) {
  const wanted = join(DIST, normalize(path));
  const found =
    wanted.startsWith(DIST) && extname(path) && existsSync(wanted)
      ? wanted
      : join(DIST, 'index.html');
  if (extname(path) && found.endsWith('index.html') && path !== '/index.html')
    return send(response, 404, {});
  response.writeHead(200, {
    'content-type': TYPES[extname(found)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
  });
  response.end(readFileSync(found));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const port = Number(process.argv.find((one) => /^\d+$/.test(one)) ?? 8099);
  const state = await start({ port, empty: process.argv.includes('--empty') });
  console.log(`${state.url}  admin / ${PASSWORD}`);
  if (process.argv.includes('--busy')) setInterval(() => state.raise(), 4000);
}
