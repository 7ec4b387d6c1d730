// The tree of agencies over time, systems, records of machines and tables, without a memory of the
// past but for what is done here.

const APPROVALS = ['draft', 'sent', 'appraised', 'approved'];
const none = { person: '', place: '', purpose: '', serial: '', asset: '', support_end: null };
const today = () => new Date().toISOString().slice(0, 10);

export function organisation(world) {
  const changes = [];
  const successors = [];
  const then = world.agencies.map((agency) => ({ ...agency }));
  const systems = world.agencies.slice(0, 6).map((agency, index) => ({
    id: index + 1,
    code: `HT-${index + 1}`,
    name: ['Cổng thông tin điện tử', 'Thư điện tử', 'Quản lý văn bản', 'Một cửa', 'LGSP', 'Wifi'][
      index
    ],
    level: [3, 3, 2, 3, 4, 1][index],
    owner: agency.code,
    operator: world.agencies[8]?.code ?? agency.code,
    kind: ['portal', 'mail', 'document', 'one_stop', 'lgsp', 'wifi'][index],
    approval: APPROVALS[index % 4],
    decision: index % 4 === 3 ? '412/QĐ-UBND' : '',
    approved_on: null,
    rollout: 'some',
    rollout_on: null,
    checked: 'never',
    checked_on: null,
    regulation: '',
    contacts: [],
    note: '',
    version: 1,
    machines: world.machines.slice(index * 3, index * 3 + 3).map((one) => one.id),
  }));
  world.machines.forEach((one) => {
    one.importance = 0;
    one.record = { ...none, note: '', version: 0, changed_at: null, changed_by: '' };
    one.systems = [];
  });

  const at = (code) => world.agencies.find((one) => one.code === code);
  const named = (text) => world.agencies.find((one) => String(one.id) === text) ?? at(text);
  const brief = ({ id, code, name }) => ({ id, code, name });
  const refused = (status, detail) => ({ refused: true, status, detail });
  const fine = (body, status = 200) => ({ status, body });

  function made({ code, name, parent = null }) {
    const agency = {
      id: world.agencies.length + 1,
      code,
      name,
      parent: typeof parent === 'string' ? (at(parent)?.id ?? null) : parent,
      from: today(),
      until: null,
      version: 1,
    };
    world.agencies.push(agency);
    return agency;
  }

  /** Does a change, or says what it would do. */
  function change({ change: of, decision, reason, day, versions }, really) {
    const stale = Object.entries(versions ?? {}).find(([code, seen]) => at(code)?.version !== seen);
    if (stale) return refused(409, `${stale[0]} was changed meanwhile.`);
    if (!decision && !reason) return refused(422, 'say by which decision, or why.');
    const machines = (code) => world.machines.filter((one) => one.agency.code === code);
    const rows = [];
    const row = (what, one, to) =>
      rows.push({ what, ...brief(one), to, machines: machines(one.code).length });
    const ended = {
      dissolve: [of.agency],
      merge: (of.agencies ?? []).filter((code) => code !== of.into?.code),
      split: [of.agency],
    }[of.kind];
    const heirs = {
      dissolve: [{ code: of.successor }],
      merge: [of.into],
      split: (of.parts ?? []).map((part) => part.into),
    }[of.kind];
    if (of.kind === 'dissolve' && !of.successor) return refused(422, 'say who takes it over.');
    if (of.kind === 'add' && at(of.code)) return refused(422, `the code "${of.code}" is taken.`);
    const noted = (one, before) =>
      changes.push({
        agency: one.id,
        kind: of.kind,
        day,
        decision,
        reason,
        who: 'admin',
        at: new Date().toISOString(),
        code: before?.code ?? null,
        name: before?.name ?? null,
        parent: world.agencies.find((two) => two.id === before?.parent)?.code ?? null,
      });
    let moved = 0;
    if (of.kind === 'add') {
      row('added', { id: 0, ...of }, of.parent);
      if (really) noted(made(of), null);
    } else if (of.kind === 'rename' || of.kind === 'move') {
      const one = at(of.agency);
      row(of.kind === 'rename' ? 'renamed' : 'moved', one, of.parent ?? null);
      if (really) {
        noted(one, { ...one });
        if (of.kind === 'rename') Object.assign(one, { code: of.code, name: of.name });
        else one.parent = at(of.parent)?.id ?? null;
        one.version += 1;
      }
    } else {
      for (const heir of heirs) if (heir.name) row('added', { id: 0, ...heir }, null);
      for (const code of ended) {
        row('ended', at(code), heirs[0].code);
        moved += machines(code).length;
      }
      if (really) {
        const first = heirs.map((heir) => (heir.name ? made(heir) : at(heir.code)))[0];
        for (const code of ended) {
          const one = at(code);
          noted(one, { ...one });
          noted(first, null);
          for (const machine of machines(code)) machine.agency = brief(first);
          Object.assign(one, { until: day, parent: first.id, version: one.version + 1 });
          successors.push([one.id, first.id]);
        }
      }
    }
    return fine({
      agencies: rows,
      machines: moved,
      tokens: 0,
      systems: 0,
      kept: [],
      configured: [],
    });
  }

  function show(agency) {
    const related = (from, to) =>
      successors
        .filter((pair) => pair[from] === agency.id)
        .map((pair) => brief(world.agencies.find((one) => one.id === pair[to])));
    const here = world.machines.filter((one) => one.agency.id === agency.id);
    const protectedOnes = here.filter((one) => one.antivirus.state === 'protected').length;
    return {
      ...agency,
      changes: changes.filter((one) => one.agency === agency.id).reverse(),
      successors: related(0, 1),
      predecessors: related(1, 0),
      tokens: [],
      targets: {
        machines: here.length,
        protected: protectedOnes,
        antivirus_coverage: here.length ? protectedOnes / here.length : null,
        systems: 2,
        systems_monitored: 1,
        monitored: 0.5,
        systems_approved: 1,
        approved: 0.5,
        without_agent: 3,
      },
    };
  }

  const shown = ({ machines, ...system }) => ({
    ...system,
    owned_by: brief(at(system.owner)),
    operated_by: brief(at(system.operator)),
    hosts: machines.length,
    hosts_online: machines.filter((id) =>
      world.machines.some((one) => one.id === id && one.state === 'online'),
    ).length,
    monitored: machines.length > 0,
    changed_at: new Date().toISOString(),
    changed_by: 'admin',
  });

  function system(method, path, q, body) {
    const found = systems.find((one) => String(one.id) === path[1]);
    if (method === 'GET') {
      const agency = q.get('agency') && named(q.get('agency'));
      const items = systems.filter(
        (one) => !agency || [one.owner, one.operator].includes(agency.code),
      );
      return fine({ items: items.map(shown), next: null, total: items.length });
    }
    if (method === 'POST') {
      const added = { ...body, id: systems.length + 1, version: 1, machines: [] };
      systems.push(added);
      return fine(shown(added));
    }
    const seen = Number(method === 'DELETE' ? q.get('version') : body.version);
    if (!found || found.version !== seen) return refused(409, 'the system was changed meanwhile.');
    if (method === 'DELETE') {
      systems.splice(systems.indexOf(found), 1);
      return fine(undefined, 204);
    }
    if (path[2] === 'hosts') found.machines = body.hosts;
    else Object.assign(found, body);
    found.version = seen + 1;
    return fine(shown(found));
  }

  /** Enough of a table to look at: `code,name` a line. */
  function table(method, path, body) {
    if (method === 'GET') return fine({});
    const lines = String(body.text ?? '')
      .trim()
      .split('\n')
      .slice(1);
    const rows = lines.map((text, index) => ({ line: index + 2, cells: text.split(',') }));
    const mistakes = rows
      .filter(({ cells }) => !/^[\w.-]+$/.test(cells[0]))
      .map(({ line, cells }) => ({
        line,
        column: 'code',
        wrong: 'value',
        value: cells[0],
        hint: 'the code is not 1 to 64 letters A-Z, digits, hyphens or dots',
      }));
    const fresh = rows.filter(({ cells }) => !at(cells[0]));
    const preview = {
      what: path[1],
      mark: 'a1b2',
      added: fresh.length,
      changed: 0,
      same: rows.length - fresh.length,
      rows: fresh.map(({ line, cells }) => ({
        line,
        is_new: true,
        key: cells[0],
        changes: [{ column: 'name', from: '', to: cells[1] ?? '' }],
      })),
      mistakes,
    };
    if (path[2] !== 'preview')
      fresh.forEach(({ cells }) => made({ code: cells[0], name: cells[1] }));
    return fine(preview);
  }

  function answer(method, path, q, body) {
    const [first, second, third] = path;
    if (first === 'systems') return system(method, path, q, body);
    if (first === 'tables') return table(method, path, body);
    if (first === 'agencies' && second === 'changes') return change(body, third !== 'preview');
    if (first === 'agencies' && second) {
      const agency = named(second);
      return agency ? fine(show(agency)) : refused(404, 'no such agency');
    }
    if (first === 'agencies' && q.get('at')) return fine({ items: then });
    if (first === 'machines' && third === 'record') {
      const machine = world.machines.find((one) => one.id === second);
      if (machine.record.version !== body.version) return refused(409, 'it was changed meanwhile.');
      machine.record = {
        ...body,
        version: body.version + 1,
        changed_at: new Date().toISOString(),
        changed_by: 'admin',
      };
      return fine(machine.record);
    }
    if (first === 'machines' && second === 'agency') {
      for (const machine of world.machines.filter((one) => body.machines.includes(one.id)))
        machine.agency = brief(at(body.agency));
      return fine({ moved: body.machines.length });
    }
    return null;
  }

  return { answer, made };
}
