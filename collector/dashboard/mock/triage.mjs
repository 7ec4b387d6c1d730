// Exceptions, silences, bulk work, what is related, ATT&CK and risk, as the collector answers them.

const HOWS = {
  equals: (held, value) => held === value,
  startswith: (held, value) => held.startsWith(value),
  endswith: (held, value) => held.endsWith(value),
  contains: (held, value) => held.includes(value),
  cidr: (held, value) => held.startsWith(value.split('/')[0].split('.').slice(0, 3).join('.')),
};
const NAMES = ['admin', 'binh', 'lan', 'tructiep1'];
const DAY = 86_400_000;

export function triaging(world, { send, problem, tell, matching, rule: ruleRow }) {
  const exceptions = [];
  const silences = [];
  const settings = new Map();
  const find = (id) => world.alerts.find((one) => one.id === id);
  const now = () => new Date().toISOString();
  const changedAlert = (one) =>
    tell('alert', { topic: 'alert', id: one.id, agency: one.agency.id });
  const conflict = (response, current) =>
    send(response, 409, { title: 'Conflict', detail: 'somebody changed it meanwhile', current });

  const texts = (value) =>
    (Array.isArray(value) ? value : [value]).map((one) => String(one).toLowerCase());
  const holds = (draft, alert) =>
    draft.conditions.every(({ field, how, value }) => {
      const held = alert.events[0]?.fields[field];
      return held != null && texts(held).some((text) => HOWS[how](text, value.toLowerCase()));
    });
  const covers = (draft, alert) =>
    (!draft.rule || alert.rule === draft.rule) &&
    (!draft.machine || alert.machine?.id === draft.machine) &&
    (!draft.agency || String(alert.agency?.id) === String(draft.agency));

  const view = (one) => {
    const left = Date.parse(one.until) - Date.now();
    const state = one.ended
      ? 'ended'
      : left <= 0
        ? 'expired'
        : left < 7 * DAY
          ? 'expiring'
          : 'in_force';
    return { ...one, state };
  };

  function preview(draft) {
    const of = world.alerts.filter((one) => covers(draft, one));
    const found = of.filter((one) => holds(draft, one));
    const levels = { critical: 0, high: 0, medium: 0, low: 0, informational: 0 };
    for (const one of found) levels[one.level] += 1;
    return {
      days: 30,
      of: of.length,
      cut: false,
      alerts: found.length,
      hits: found.reduce((sum, one) => sum + one.count, 0),
      levels,
      true_positives: found.filter((one) => one.verdict === 'true_positive').length,
      uncertain: found.filter((one) => one.count > 1).length,
      own: draft.alert ? found.some((one) => one.id === draft.alert) : null,
      samples: found.slice(0, 20).map(({ id, number, level }) => ({ id, number, level })),
    };
  }

  function except(draft, person) {
    const machine = world.machines.find((one) => one.id === draft.machine);
    const agency = world.agencies.find((one) => String(one.id) === String(draft.agency));
    const until = draft.until ?? new Date(Date.now() + 90 * DAY).toISOString();
    const made = {
      id: exceptions.length + 1,
      version: 1,
      rule: draft.rule ?? null,
      machine: machine?.id ?? null,
      hostname: machine?.hostname ?? null,
      agency: agency?.id ?? null,
      agency_name: agency?.name ?? null,
      conditions: draft.conditions,
      why: draft.why,
      owner: draft.owner ?? person.name,
      alert: draft.alert ?? null,
      made_by: person.name,
      from: now(),
      until,
      hidden: 0,
      hidden_at: null,
      history: [{ at: now(), who: person.name, action: 'made', why: draft.why, until }],
    };
    exceptions.unshift(made);
    const alert = find(draft.alert);
    if (alert) {
      const by = { at: now(), who: person.name, comment: null };
      alert.history.push({ ...by, action: 'excepted', about: String(made.id) });
      if (draft.close) {
        Object.assign(alert, { state: 'closed', verdict: draft.close, version: alert.version + 1 });
        alert.history.push({ ...by, action: 'closed', about: draft.close, comment: draft.why });
      }
      changedAlert(alert);
    }
    tell('rules', { topic: 'rules' });
    return made;
  }

  function bulk(body, person) {
    const ids = body.ids?.length ? body.ids : matching(body.matching).map((one) => one.id);
    if (!body.ids?.length && ids.length !== body.count) return null;
    const refused = [];
    for (const id of ids) {
      const one = find(id);
      const from = {
        acknowledge: ['open'],
        close: ['open', 'acknowledged'],
        assign: ['open', 'acknowledged'],
      };
      if (!one || !from[body.action].includes(one.state)) {
        refused.push({ id, refused: 'the alert is closed already' });
        continue;
      }
      if (body.action === 'acknowledge')
        Object.assign(one, { state: 'acknowledged', assignee: person.name });
      if (body.action === 'close') Object.assign(one, { state: 'closed', verdict: body.verdict });
      if (body.action === 'assign') one.assignee = body.to ?? null;
      one.version += 1;
      changedAlert(one);
    }
    return { done: ids.length - refused.length, refused };
  }

  function related(alert) {
    const user = alert.events[0]?.fields['user.name'];
    const items = world.alerts
      .filter((one) => one.id !== alert.id)
      .filter((one) => Math.abs(Date.parse(one.starts_at) - Date.parse(alert.starts_at)) < DAY)
      .map((one) => {
        const shared = [];
        if (one.machine.id === alert.machine.id)
          shared.push({ kind: 'host', value: one.machine.hostname });
        if (user && one.events[0]?.fields['user.name'] === user)
          shared.push({ kind: 'user', value: user });
        return { alert: one, shared };
      })
      .filter((one) => one.shared.length > 0)
      .sort((a, b) => Date.parse(a.alert.starts_at) - Date.parse(b.alert.starts_at));
    return { items: items.slice(0, 100) };
  }

  function attack(q) {
    const from = Date.parse(q.get('from') ?? '') || Date.now() - 30 * DAY;
    const found = new Map();
    const tags = (of) => of.tags.map((tag) => tag.replace('attack.', ''));
    const techniques = (of) => tags(of).filter((tag) => /^t\d{4}/.test(tag));
    const at = (id) => {
      const key = id.toUpperCase();
      if (!found.has(key))
        found.set(key, { id: key, tactics: [], rules: 0, alerts: 0, unclosed: 0 });
      return found.get(key);
    };
    for (const rule of world.rules)
      for (const id of techniques(rule)) {
        const one = at(id);
        one.rules += 1;
        one.tactics = [
          ...new Set([...one.tactics, ...tags(rule).filter((tag) => !/^t\d/.test(tag))]),
        ];
      }
    for (const alert of world.alerts.filter((one) => Date.parse(one.last_at) >= from))
      if (alert.verdict !== 'false_positive')
        for (const id of techniques(alert)) {
          at(id).alerts += 1;
          at(id).unclosed += alert.state === 'closed' ? 0 : 1;
        }
    const sorted = [...found.values()].sort((a, b) => a.id.localeCompare(b.id));
    return { from: new Date(from).toISOString(), to: q.get('to') ?? now(), techniques: sorted };
  }

  function users() {
    const points = new Map();
    for (const one of world.alerts) {
      const user = one.events[0]?.fields['user.name'];
      if (typeof user !== 'string' || one.verdict === 'false_positive') continue;
      points.set(
        user,
        (points.get(user) ?? 0) +
          { critical: 100, high: 30, medium: 10, low: 3, informational: 0 }[one.level],
      );
    }
    const items = [...points].map(([user, risk]) => ({ user, risk })).filter((one) => one.risk > 0);
    return { items: items.sort((a, b) => b.risk - a.risk) };
  }

  function changeException(response, path, body, person) {
    const one = exceptions.find((found) => String(found.id) === path[1]);
    if (!one) return problem(response, 404, 'no such exception');
    if (!path[2]) return send(response, 200, view(one));
    if (body.version !== one.version) return conflict(response, view(one));
    if (!body.why) return problem(response, 422, 'say why');
    one.version += 1;
    if (path[2] === 'end') Object.assign(one, { ended: true, until: now() });
    else one.until = body.until ?? new Date(Date.now() + 90 * DAY).toISOString();
    const action = path[2] === 'end' ? 'ended' : 'renewed';
    one.history.push({ at: now(), who: person.name, action, why: body.why, until: one.until });
    tell('rules', { topic: 'rules' });
    return send(response, 200, view(one));
  }

  /** Whether it was a question for here. */
  function answer(request, response, path, q, body, person) {
    const is = (method, ...parts) =>
      request.method === method &&
      parts.length === path.length &&
      parts.every((part, index) => part === ':' || part === path[index]);
    const say = (status, content) => {
      send(response, status, content);
      return true;
    };
    if (is('GET', 'alerts', 'assignees')) return say(200, { items: NAMES });
    if (is('POST', 'alerts', 'bulk')) {
      const done = bulk(body, person);
      return done
        ? say(200, done)
        : say(409, { title: 'Conflict', detail: 'another number by now' });
    }
    if (is('GET', 'alerts', ':', 'related')) return say(200, related(find(path[1])));
    if (is('POST', 'alerts', ':', 'assign')) {
      const one = find(path[1]);
      if (body.version !== one.version) return conflict(response, one) ?? true;
      Object.assign(one, { assignee: body.to ?? null, version: one.version + 1 });
      if (!body.to) one.state = 'open';
      const action = body.to ? 'assigned' : 'unassigned';
      one.history.push({
        at: now(),
        who: person.name,
        action,
        about: body.to ?? null,
        comment: null,
      });
      changedAlert(one);
      return say(200, one);
    }
    if (is('GET', 'exceptions')) {
      const states = (q.get('state') ?? '').split(',').filter(Boolean);
      const items = exceptions
        .map(view)
        .filter((one) => states.length === 0 || states.includes(one.state))
        .filter((one) => !q.get('rule') || !one.rule || one.rule === q.get('rule'));
      return say(200, { items, next: null, total: items.length });
    }
    if (is('POST', 'exceptions', 'preview')) return say(200, preview(body));
    if (is('POST', 'exceptions')) return say(201, view(except(body, person)));
    if (path[0] === 'exceptions') return changeException(response, path, body, person) ?? true;
    if (is('GET', 'silences')) return say(200, { items: silences });
    if (is('POST', 'silences')) {
      const machine = world.machines.find((one) => one.id === body.machine);
      const agency = world.agencies.find((one) => String(one.id) === String(body.agency));
      const made = {
        ...{ id: silences.length + 1, rule: body.rule ?? null, why: body.why, who: person.name },
        ...{ machine: machine?.id ?? null, hostname: machine?.hostname ?? null },
        ...{ agency: agency?.id ?? null, agency_name: agency?.name ?? null },
        ...{ from: body.from, until: body.until, ended_by: null, alerts: 0 },
      };
      silences.unshift(made);
      tell('rules', { topic: 'rules' });
      return say(201, { id: made.id });
    }
    if (is('POST', 'silences', ':', 'end')) {
      const one = silences.find((found) => String(found.id) === path[1]);
      Object.assign(one, { until: now(), ended_by: person.name });
      return say(204);
    }
    if (is('GET', 'attack')) return say(200, attack(q));
    if (is('GET', 'risk', 'users')) return say(200, users());
    if (is('POST', 'rules', ':', 'switch')) {
      const agency = world.agencies.find((one) => String(one.id) === String(body.agency));
      const said = (settings.get(path[1]) ?? []).filter(
        (one) => one.agency !== (agency?.id ?? null),
      );
      if (body.enabled !== null)
        said.push({
          ...{ agency: agency?.id ?? null, agency_name: agency?.name ?? null },
          ...{ enabled: body.enabled, why: body.why, who: person.name, at: now() },
        });
      settings.set(path[1], said);
      tell('rules', { topic: 'rules' });
      return say(200, ruleRow(world.rules.find((one) => one.id === path[1])));
    }
    return false;
  }

  function noise(rule) {
    const of = world.alerts.filter((one) => one.rule === rule);
    const closed = of.filter((one) => one.verdict);
    const as = (verdict) => closed.filter((one) => one.verdict === verdict).length;
    return {
      noise: {
        alerts: of.length,
        hits: of.reduce((sum, one) => sum + one.count, 0),
        closed: closed.length,
        false_positives: as('false_positive'),
        benign: as('benign'),
      },
      exceptions: exceptions
        .map(view)
        .filter((one) => one.rule === rule && ['in_force', 'expiring'].includes(one.state)).length,
      hidden: 0,
      settings: settings.get(rule) ?? [],
    };
  }

  return { answer, changed: conflict, noise };
}
