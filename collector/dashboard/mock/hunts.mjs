// Hunts over the invented events: answers come in pieces, as the collector sends them.

import { hunted } from './hunted.mjs';
import { search, select, textOf, translated, valueOf, Wrong } from './query.mjs';

const PIECE = 250;
const FILES = 312;
const MISSING = 'events/agency=XA-12/date=2026-11-09/5b0c1a77e0d84b6f9a3e2c1d4f5a6b7c.parquet';

export function hunting(world, { send, problem }) {
  const events = hunted(world);
  const running = new Map();
  const saved = [
    {
      id: 1,
      name: 'Đăng nhập SSH thất bại từ ngoài',
      query: 'event.outcome:failure AND source.ip:203.0.113.0/24',
      language: 'search',
      range_s: 86400,
      columns: ['time', 'host', 'user.name', 'source.ip', 'text'],
      schedule: { every_s: 3600, level: 'medium', title: 'Dò mật khẩu SSH từ ngoài' },
      owner: 'admin',
      last_run: { at: new Date(Date.now() - 1.3e6).toISOString(), rows: 12, error: null },
    },
    {
      id: 2,
      name: 'Tải tệp bằng curl',
      query: 'CommandLine:*curl*',
      language: 'search',
      range_s: 604800,
      columns: [],
      schedule: null,
      owner: 'tructiep1',
      last_run: null,
    },
  ];
  let last = 2;

  const within = ({ from, to }) =>
    events.filter((one) => one.time >= instant(from) && one.time < instant(to));

  function completeness({ from, to }, found) {
    return {
      from: instant(from),
      to: instant(to),
      files: FILES,
      missing:
        Date.parse(from) < Date.now() - 10 * 86.4e6
          ? [{ path: MISSING, reason: 'damaged: the checksum of row group 3 differs' }]
          : [],
      unarchived_events: 1204,
      oldest: found.at(-1)?.time ?? null,
      newest: found[0]?.time ?? null,
    };
  }

  /** What an answer consists of: columns, rows, and the events behind them. */
  function answer(body) {
    if (!body.from || !body.to) throw new Wrong('A hunt has a range of time: from and to.', 0);
    const limit = Math.min(Number(body.limit ?? 1000), 10000);
    const inRange = within(body);
    if (body.language === 'sql')
      return { ...selected(inRange, body.query, limit), sql: body.query };
    const condition = search(body.query);
    const found = inRange.filter(condition.test);
    const extra = (body.columns ?? []).filter((name) => !STANDARD.includes(name));
    return {
      sql: translated(condition, extra, limit),
      columns: [
        { name: 'time', type: 'time' },
        { name: 'host', type: 'text' },
        { name: 'kind', type: 'text' },
        { name: 'text', type: 'text' },
        { name: 'position', type: 'number' },
        ...extra.map((name) => ({ name, type: typeOf(events, name) })),
      ],
      rows: found
        .slice(0, limit)
        .map((one) => [
          one.time,
          one.machine.hostname,
          one.kind,
          textOf(one),
          one.position,
          ...extra.map((name) => valueOf(one, name)),
        ]),
      found,
      is_cut: found.length > limit,
    };
  }

  function selected(inRange, text, most) {
    const { items, where, groups, order, limit } = select(text);
    const found = inRange.filter(where.test);
    const shown = items.flatMap((item) =>
      item.all
        ? everyColumn(found).map((name) => ({
            name,
            of: name,
          }))
        : [item],
    );
    let rows;
    if (groups.length > 0 || shown.some((item) => item.count)) {
      const by = new Map();
      for (const one of found) {
        const keys = shown.map((item) => (item.count ? null : valueOf(one, item.of)));
        const key = JSON.stringify(keys);
        by.set(key, { keys, count: (by.get(key)?.count ?? 0) + 1 });
      }
      rows = [...by.values()].map(({ keys, count }) =>
        keys.map((key, index) => (shown[index].count ? count : key)),
      );
    } else rows = found.map((one) => shown.map((item) => valueOf(one, item.of)));
    const place = shown.findIndex((item) => item.name === order?.item);
    if (place >= 0) {
      const sign = order.down ? -1 : 1;
      rows.sort((a, b) => sign * (a[place] > b[place] ? 1 : a[place] < b[place] ? -1 : 0));
    }
    const columns = shown.map((item) => ({
      name: item.name,
      type: item.count ? 'number' : typeOf(events, item.of),
    }));
    const cut = Math.min(limit, most);
    return { columns, rows: rows.slice(0, cut), found, is_cut: rows.length > most };
  }

  function run(request, response, body) {
    const write = (line) => response.write(`${JSON.stringify(line)}\n`);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    let made;
    try {
      made = answer(body);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      const title = 'The question is not right';
      write({ type: 'error', title, detail: error.message, position: error.position });
      return response.end();
    }
    const id = `h${Date.now()}${running.size}`;
    const slow = /slow/.test(body.query);
    const waits = /waits/.test(body.query);
    const notes = /seldom/.test(body.query) ? ['seldom is in no column of these files.'] : [];
    const begin = () => write({ type: 'begin', id, sql: made.sql, columns: made.columns, notes });
    if (waits) write({ type: 'waiting', id, before: 2 });
    else begin();
    let at = 0;
    let timer;
    const began = Date.now();
    const stop = () => {
      clearTimeout(timer);
      running.delete(id);
      response.end();
    };
    running.set(id, stop);
    request.on('close', () => running.delete(id));
    response.on('close', stop);
    const step = () => {
      const pieces = Math.max(1, Math.ceil(made.rows.length / PIECE));
      const part = slow ? 0.02 * (at + 1) : (at + 1) / pieces;
      write({
        type: 'progress',
        files_done: Math.round(FILES * Math.min(1, part)),
        files: FILES,
        rows_read: Math.round(1.9e6 * Math.min(1, part)),
      });
      const rows = made.rows.slice(at * PIECE, (at + 1) * PIECE);
      if (rows.length > 0) write({ type: 'rows', rows });
      at += 1;
      if (slow) {
        if (part < 1) timer = setTimeout(step, 200);
        else stop();
        return;
      }
      if (at < pieces) {
        timer = setTimeout(step, 20);
        return;
      }
      if (/out_of_memory/.test(body.query))
        write({
          type: 'error',
          title: 'too much memory',
          detail:
            'This hunt needed more than 256 MiB and was stopped. Take a shorter range of time or fewer groups.',
        });
      else
        write({
          type: 'end',
          rows: made.rows.length,
          seconds: (Date.now() - began) / 1000 + 0.08,
          is_cut: made.is_cut,
          completeness: completeness(body, made.found),
        });
      stop();
    };
    if (!waits) timer = setTimeout(step, 10);
  }

  function histogram(response, body) {
    let made;
    try {
      made = answer({ ...body, limit: 10000 });
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return problem(response, 422, error.message, { position: error.position });
    }
    const [from, to] = [Date.parse(body.from), Date.parse(body.to)];
    const steps = [60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800];
    const interval_s =
      steps.find((step) => (to - from) / 1000 / step <= (body.buckets ?? 60)) ?? 604800;
    const step = interval_s * 1000;
    const first = Math.floor(from / step) * step;
    const buckets = Array.from({ length: Math.ceil((to - first) / step) }, (_, index) => ({
      at: new Date(first + index * step).toISOString(),
      count: 0,
    }));
    for (const one of made.found) {
      const bucket = buckets[Math.floor((Date.parse(one.time) - first) / step)];
      if (bucket) bucket.count += 1;
    }
    const filled = buckets.filter((bucket) => bucket.count > 0);
    send(response, 200, {
      interval_s,
      buckets: filled,
      completeness: completeness(body, made.found),
    });
  }

  function fields(response, q) {
    const found = within({ from: q.get('from'), to: q.get('to') });
    const counts = new Map();
    for (const one of found)
      for (const name of Object.keys(one.fields)) counts.set(name, (counts.get(name) ?? 0) + 1);
    send(
      response,
      200,
      [...counts]
        .map(([name, count]) => ({ name, type: typeOf(events, name), share: count / found.length }))
        .sort((a, b) => b.share - a.share),
    );
  }

  function download(response, q) {
    const body = Object.fromEntries(q);
    body.columns = (q.get('columns') ?? '').split(',').filter(Boolean);
    const made = answer({ ...body, limit: 10000 });
    const format = q.get('format');
    response.writeHead(200, {
      'content-type':
        { csv: 'text/csv', json: 'application/json' }[format] ?? 'application/octet-stream',
      'content-disposition': `attachment; filename="hunt.${format}"`,
    });
    if (format === 'json') return response.end(JSON.stringify(made.rows));
    if (format === 'parquet') return response.end('PAR1');
    const cell = (value) => {
      const text = value === null ? '' : String(value);
      return `"${(/^[=+\-@\t]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    };
    const head = made.columns.map((column) => cell(column.name)).join(',');
    response.end([head, ...made.rows.map((row) => row.map(cell).join(','))].join('\r\n'));
  }

  function savedHunts(request, response, path, body, person) {
    const found = saved.find((one) => String(one.id) === path[2]);
    if (request.method === 'GET') return send(response, 200, saved);
    if (request.method === 'POST') {
      last += 1;
      saved.push({ id: last, owner: person.name, last_run: null, ...body });
      return send(response, 201, saved.at(-1));
    }
    if (!found) return problem(response, 404, 'no such hunt');
    if (request.method === 'DELETE') {
      saved.splice(saved.indexOf(found), 1);
      return send(response, 204);
    }
    Object.assign(found, body);
    return send(response, 200, found);
  }

  /** Everything below /hunts. */
  function answerHunts(request, response, path, q, body, person) {
    const what = path[1];
    if (what === undefined && request.method === 'POST') return run(request, response, body);
    if (what === 'histogram') return histogram(response, body);
    if (what === 'fields') return fields(response, q);
    if (what === 'download') return download(response, q);
    if (what === 'saved') return savedHunts(request, response, path, body, person);
    if (what === 'running')
      return send(
        response,
        200,
        [...running.keys()].map((id) => ({ id })),
      );
    if (request.method === 'DELETE') {
      running.get(what)?.();
      return send(response, 204);
    }
    return problem(response, 404, `no hunts/${what}`);
  }

  const at = (position) => events.find((one) => one.position === Number(position));
  return { answer: answerHunts, at, events, running, saved };
}

/** What `*` stands for: fixed columns, and a column a field. */
const everyColumn = (found) => [
  ...['time', 'received', 'agency', 'host', 'agent', 'kind', 'product', 'category', 'service'],
  ...['raw', 'position'],
  ...new Set(found.flatMap((one) => Object.keys(one.fields))),
];

const STANDARD = ['time', 'host', 'kind', 'text', 'position'];
const instant = (text) => new Date(text).toISOString();

function typeOf(events, name) {
  if (['time', 'received'].includes(name)) return 'time';
  const value = events.map((one) => valueOf(one, name)).find((one) => one !== null);
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'boolean' : 'text';
}
