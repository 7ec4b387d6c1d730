// Trends, changes, ports of all machines, anomalies, saved views, the first hour of the invented province.

import { ports as portsOf } from './machine.mjs';

const LEVELS = ['critical', 'high', 'medium', 'low', 'informational'];
const DAY = 86.4e6;
const KINDS = [
  ['rate_spike', 'nginx/access.log', null, null],
  ['new_template', 'zimbra/mailbox.log', null, 'Failed to index item <*> of mailbox <*>'],
  ['first_seen', 'auth.log', 'administrator.network', '203.0.113.0/24'],
  ['source_silent', 'postgresql.log', null, null],
  ['failure_burst', 'drupal/watchdog', null, 'Login attempt failed for <*>\u202E'],
];

/** Answers what these pages ask; false where it is not one of theirs. */
export function pages(world, { send, problem, page, row }) {
  const views = [];
  const normal = [];
  const approved = new Set();
  const started = Date.now() - 40 * DAY;
  let number = 0;

  const level = (counts) => Object.fromEntries(LEVELS.map((one, at) => [one, counts[at] ?? 0]));

  function figures(machines, alerts, begin, ago) {
    const of = (...states) => machines.filter((one) => states.includes(one.antivirus.state)).length;
    const raised = alerts.filter((one) => {
      const at = Date.parse(one.raised_at);
      return at >= begin && at < begin + DAY;
    });
    const lost = Math.min(of('protected'), ago);
    return {
      machines: Math.max(0, machines.length - Math.round(ago / 3)),
      heard: Math.round(machines.length * (new Date(begin).getDay() % 6 ? 0.86 : 0.21)),
      protected: of('protected') - lost,
      weak: of('weak') + Math.floor(lost / 2),
      unprotected: of('off', 'missing') + Math.ceil(lost / 2),
      unknown: of('unknown'),
      without_agent: null,
      open: level(
        LEVELS.map(
          (one) =>
            alerts.filter((alert) => alert.state === 'open' && alert.level === one).length + ago,
        ),
      ),
      raised: level(
        LEVELS.map((one, at) =>
          ago < 7
            ? raised.filter((alert) => alert.level === one).length
            : (at + 1) * (3 + ((ago * 7 + at) % 9)),
        ),
      ),
    };
  }

  function trend(q, at) {
    const count = Number(q.get('days') ?? 90);
    const today = new Date().setHours(0, 0, 0, 0);
    const machines = world.machines.filter(at);
    const alerts = world.alerts.filter(at);
    const days = Array.from({ length: count }, (_, index) => {
      const ago = count - 1 - index;
      const begin = today - ago * DAY;
      // Three days off, and nothing before it was set up.
      const isMeasured = begin > started && !(ago > 19 && ago < 23);
      return {
        day: new Date(begin + DAY / 2).toISOString().slice(0, 10),
        begin: new Date(begin).toISOString(),
        figures: isMeasured ? figures(machines, alerts, begin, ago) : null,
      };
    });
    return { days };
  }

  function changes(q, at) {
    const since = Date.parse(q.get('since')) || Date.now() - DAY;
    const raised = world.alerts.filter((one) => at(one) && Date.parse(one.raised_at) >= since);
    const count = (change) => machines({ changed: change }, at).length;
    return {
      new_machines: count('new'),
      silent_machines: count('silent'),
      unprotected_machines: count('unprotected'),
      new_ports: ports(new URLSearchParams({ scope: 'lan,any', since: q.get('since') ?? '' }), at)
        .length,
      raised: level(LEVELS.map((one) => raised.filter((alert) => alert.level === one).length)),
      since: new Date(since).toISOString(),
    };
  }

  /** What a machine has become, told by its place in the list. */
  function machines({ changed }, at) {
    const has = {
      new: (_, index) => index % 90 === 7,
      silent: (one) => one.state === 'silent',
      unprotected: (one, index) => one.antivirus.state !== 'protected' && index % 40 === 3,
    }[changed];
    return world.machines.filter((one, index) => at(one) && has(one, index));
  }

  const key = (port) => [port.transport, port.scope, port.port, port.executable ?? ''].join('|');

  function ports(q, at) {
    const scopes = (q.get('scope') ?? '').split(',').filter(Boolean);
    const groups = new Map();
    for (const machine of world.machines.filter(at).slice(0, 120)) {
      for (const port of portsOf(machine).filter((one) => one.closed_at === null)) {
        if (scopes.length > 0 && !scopes.includes(port.scope)) continue;
        const group = groups.get(key(port)) ?? { port, machines: new Map() };
        group.machines.set(machine.id, { machine, port });
        groups.set(key(port), group);
      }
    }
    const text = (q.get('q') ?? '').toLowerCase();
    const since = Date.parse(q.get('since') ?? '');
    const found = [...groups.values()].map((group) => grouped(group));
    const sort = q.get('sort') ?? 'port';
    const by = {
      port: (one) => one.port,
      machines: (one) => one.machines,
      first: (one) => one.first_opened,
      program: (one) => one.executable,
    }[sort.replace('-', '')];
    return found
      .filter(
        (one) =>
          (!text || String(one.port) === text || one.executable.includes(text)) &&
          (Number.isNaN(since) || Date.parse(one.first_opened) >= since) &&
          (q.get('rare') !== 'true' || one.machines === 1) &&
          (!q.get('approved') || (q.get('approved') === 'all') === (one.approved === one.machines)),
      )
      .sort((a, b) => (by(a) > by(b) ? 1 : -1) * (sort.startsWith('-') ? -1 : 1));
  }

  /** The agency and those above it. */
  function above(id) {
    const ids = [];
    for (let at = id; at && !ids.includes(at);) {
      ids.push(at);
      at = world.agencies.find((one) => one.id === at)?.parent;
    }
    return ids;
  }

  const isApproved = (machine, port) =>
    approved.has(`${key(port)} ${machine.id}`) ||
    above(machine.agency.id).some((id) => approved.has(`${key(port)} agency ${id}`));

  function grouped({ port, machines: of }) {
    const all = [...of.values()];
    const reach = (is) => all.filter((one) => one.port.fields?.['port.reachable'] === is).length;
    return {
      transport: port.transport,
      scope: port.scope,
      port: port.port,
      executable: port.executable ?? '',
      machines: all.length,
      agencies: new Set(all.map((one) => one.machine.agency.id)).size,
      reachable: reach('yes'),
      blocked: reach('no'),
      approved: all.filter((one) => isApproved(one.machine, port)).length,
      first_opened: all.map((one) => one.port.opened_at).sort()[0],
      machine: all[0].machine.id,
      hostname: all[0].machine.hostname,
    };
  }

  function portMachines(q, at) {
    const wanted = ['transport', 'scope', 'port', 'executable'].map((name) => q.get(name) ?? '');
    const found = [];
    for (const machine of world.machines.filter(at).slice(0, 120)) {
      const port = portsOf(machine).find(
        (one) => one.closed_at === null && key(one) === wanted.join('|'),
      );
      if (port)
        found.push({
          id: machine.id,
          hostname: machine.hostname,
          agency: machine.agency,
          address: port.address,
          process: port.process,
          user: port.user,
          reachable: port.fields?.['port.reachable'] ?? null,
          opened_at: port.opened_at,
          approved: isApproved(machine, port),
        });
    }
    return found;
  }

  function approve(response, body) {
    const places = [...body.machines, ...body.agencies.map((id) => `agency ${id}`)];
    if (body.ports.length === 0 || places.length === 0)
      return problem(response, 422, 'name at least one port, and one machine or agency');
    let count = 0;
    for (const port of body.ports) {
      for (const place of places) {
        const name = `${key(port)} ${place}`;
        if (!approved.has(name)) count += 1;
        approved.add(name);
      }
    }
    return send(response, 200, { approved: count });
  }

  function products(at) {
    const counted = new Map();
    for (const one of world.machines.filter(at)) {
      const { product, state } = one.antivirus;
      if (!product) continue;
      const version = ['1.4.6', '1.0.7', null][one.hostname.length % 3];
      const name = `${product} ${version}`;
      const found = counted.get(name) ?? { product, version, machines: 0, protected: 0 };
      found.machines += 1;
      if (state === 'protected') found.protected += 1;
      counted.set(name, found);
    }
    return [...counted.values()].sort((a, b) => b.machines - a.machines);
  }

  const anomalies = world.alerts.slice(0, 90).map((alert, index) => {
    const [kind, source, field, value] = KINDS[index % KINDS.length];
    return {
      alert,
      id: index.toString(16).padStart(16, '0'),
      what: {
        'anomaly.kind': kind,
        'anomaly.source': source,
        ...(field ? { 'anomaly.field': field, 'anomaly.value': value } : {}),
        ...(!field && value ? { 'template.text': value } : {}),
      },
    };
  });

  const isNormal = (one) =>
    normal.some(
      (said) =>
        said.anomaly === one.id &&
        (said.machine === null
          ? said.agency === one.alert.agency.id
          : said.machine === one.alert.machine.id),
    );

  function listedAnomalies(q, at) {
    const of = (name) => (q.get(name) ?? '').split(',').filter(Boolean);
    const among = (list, value) => list.length === 0 || list.includes(value);
    return anomalies.filter(
      (one) =>
        at(one.alert) &&
        among(of('kind'), one.what['anomaly.kind']) &&
        among(of('state'), one.alert.state) &&
        among(of('source'), one.what['anomaly.source']) &&
        among(of('machine'), one.alert.machine.id) &&
        one.alert.machine.hostname.toLowerCase().includes((q.get('q') ?? '').toLowerCase()),
    );
  }

  return {
    machines,
    /** An alert was called normal. */
    called(alert, scope, who) {
      const one = anomalies.find((found) => found.alert.id === alert.id);
      if (!one) return;
      normal.unshift({
        anomaly: one.id,
        machine: scope === 'machine' ? alert.machine.id : null,
        hostname: alert.machine.hostname,
        agency: alert.agency.id,
        alert: alert.id,
        what: one.what,
        who,
        at: new Date().toISOString(),
      });
    },
    answer(request, response, path, q, body, person, at) {
      switch (`${request.method} ${path.join('/')}`.replace(/\/\d+$/, '/:id')) {
        case 'GET trend':
          return send(response, 200, trend(q, at));
        case 'GET changes':
          return send(response, 200, changes(q, at));
        case 'GET ports':
          return send(response, 200, page(ports(q, at), q));
        case 'GET ports/machines':
          return send(response, 200, page(portMachines(q, at), q));
        case 'POST ports/approve':
          return approve(response, body);
        case 'GET antivirus/products':
          return send(response, 200, { items: products(at) });
        case 'GET anomalies':
          return send(
            response,
            200,
            page(listedAnomalies(q, at), q, (one) => ({
              ...row(one.alert),
              what: one.what,
              normal: isNormal(one),
            })),
          );
        case 'GET anomalies/normal':
          return send(response, 200, { items: normal });
        case 'POST anomalies/normal/take-back': {
          const found = normal.findIndex(
            (one) =>
              one.anomaly === body.anomaly &&
              one.machine === (body.machine ?? null) &&
              one.agency === body.agency,
          );
          if (found < 0) return problem(response, 404, 'not called normal');
          normal.splice(found, 1);
          return send(response, 204);
        }
        case 'GET saved-views':
          return send(response, 200, {
            items: views.filter((one) => one.owner === person.name || one.shared),
          });
        case 'POST saved-views': {
          const old = views.findIndex(
            (one) => one.owner === person.name && one.page === body.page && one.name === body.name,
          );
          if (old >= 0) views.splice(old, 1);
          number += 1;
          const made = {
            id: number,
            owner: person.name,
            created_at: new Date().toISOString(),
            ...body,
          };
          views.push(made);
          return send(response, 201, made);
        }
        case 'DELETE saved-views/:id': {
          const found = views.findIndex((one) => one.id === Number(path[1]));
          if (found < 0) return problem(response, 404, 'no such view');
          views.splice(found, 1);
          return send(response, 204);
        }
        case 'GET start':
          return send(response, 200, {
            agencies: world.agencies.length,
            tokens: world.machines.length > 0 ? 4 : 0,
            machines: world.machines.length,
            online: world.machines.filter((one) => one.state === 'online').length,
            antivirus_known: world.machines.filter((one) => one.antivirus.state !== 'unknown')
              .length,
            rules: world.rules.length,
            backup_at: null,
          });
        default:
          return false;
      }
    },
  };
}
