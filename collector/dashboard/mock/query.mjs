// As much of the search syntax and of SQL as the page and its tests ask for.

export class Wrong extends Error {
  constructor(detail, position) {
    super(detail);
    this.position = position;
  }
}

/** The value of a column or field of an event. */
export function valueOf(event, name) {
  switch (name) {
    case 'time':
    case 'received':
    case 'kind':
    case 'raw':
    case 'position':
      return event[name];
    case 'host':
      return event.machine.hostname;
    case 'agent':
      return event.machine.id;
    case 'agency':
      return event.agency?.code ?? '';
    case 'product':
    case 'category':
    case 'service':
      return event.logsource[name] ?? null;
    default:
      return event.fields[name] ?? null;
  }
}

export const textOf = (event) =>
  event.raw ??
  Object.entries(event.fields)
    .slice(0, 4)
    .map(([, value]) => String(value))
    .join(' · ');

/* A condition is { sql, test }. */
const all = { sql: '', test: () => true };
const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;
const named = (name) => (/^[a-z]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const both = (a, word, b) => ({
  sql: `(${a.sql} ${word} ${b.sql})`,
  test: word === 'AND' ? (e) => a.test(e) && b.test(e) : (e) => a.test(e) || b.test(e),
});
const not = (a) => ({ sql: `(${a.sql}) IS NOT TRUE`, test: (e) => !a.test(e) });

/** Search syntax to a condition. */
export function search(text) {
  const words = wordsOf(text);
  let at = 0;
  const peek = () => words[at];
  const is = (word) => peek()?.bare && peek().text === word;

  function either() {
    let left = every();
    while (is('OR')) {
      at += 1;
      left = both(left, 'OR', every());
    }
    return left;
  }
  function every() {
    let left = one();
    while (peek() && !is('OR') && !is(')')) {
      if (is('AND')) at += 1;
      left = both(left, 'AND', one());
    }
    return left;
  }
  function one() {
    const word = peek();
    if (!word) throw new Wrong('A condition is missing at the end.', text.length);
    at += 1;
    if (word.bare && word.text === 'NOT') return not(one());
    if (word.bare && word.text === '(') {
      const inner = either();
      if (!is(')')) throw new Wrong('This parenthesis is not closed: write ) after it.', word.at);
      at += 1;
      return inner;
    }
    if (word.bare && [')', 'AND', 'OR'].includes(word.text))
      throw new Wrong(`${word.text} has nothing before it.`, word.at);
    return leaf(word);
  }
  if (words.length === 0 || text.trim() === '*') return all;
  const found = either();
  if (peek()) throw new Wrong('This ) closes nothing: take it away.', peek().at);
  return found;
}

function wordsOf(text) {
  const found = [];
  const pattern = /\s+|([()])|((?:[^\s():"]+:)?)(?:(=?)"((?:[^"\\]|\\.)*)("?)|([^\s()"]+))|(.)/gy;
  for (const match of text.matchAll(pattern)) {
    const [whole, paren, field, is, phrase, closed, plain, odd] = match;
    if (/^\s+$/.test(whole)) continue;
    if (odd) throw new Wrong(`${odd} is not expected here.`, match.index);
    if (paren) found.push({ text: paren, bare: true, at: match.index });
    else if (phrase !== undefined) {
      if (!closed)
        throw new Wrong('This quotation mark is not closed: write " at its end.', match.index);
      const value = phrase.replace(/\\(.)/g, '$1');
      found.push({
        field: field.slice(0, -1),
        text: value,
        phrase: true,
        exact: is === '=',
        at: match.index,
      });
    } else
      found.push({
        field: field.slice(0, -1),
        text: field ? plain.replace(/^=/, '') : plain,
        exact: field !== '' && plain.startsWith('='),
        bare: field === '',
        at: match.index,
      });
  }
  return found;
}

function leaf({ field, text, phrase, exact }) {
  const like = new RegExp(`^${text.split('*').map(escaped).join('.*')}$`, 'is');
  const values = (e) => [valueOf(e, field)].flat().filter((value) => value !== null);
  if (field === '_exists_')
    return { sql: `field(${quoted(text)}) IS NOT NULL`, test: (e) => valueOf(e, text) !== null };
  if (field && exact)
    return {
      sql: `equals_i(${named(field)}, ${quoted(text)})`,
      test: (e) => values(e).some((one) => String(one).toLowerCase() === text.toLowerCase()),
    };
  if (field && !phrase && /^[<>]=?\d/.test(text)) return compared(field, text);
  if (field && !phrase && /^[\d.]+\/\d+$/.test(text))
    return {
      sql: `cidr_match(${named(field)}, ${quoted(text)})`,
      test: (e) => String(valueOf(e, field) ?? '').startsWith(text.replace(/\.0.*$/, '.')),
    };
  if (field && !phrase && text.includes('*'))
    return {
      sql: `like_i(${named(field)}, ${quoted(text)})`,
      test: (e) => values(e).some((one) => like.test(String(one))),
    };
  if (field && /^\d+$/.test(text))
    return {
      sql: `${named(field)} = ${text}`,
      test: (e) => values(e).some((one) => String(one) === text),
    };
  const inner = escaped(text.replace(/^\*|\*$/g, ''));
  const whole = new RegExp(
    text.startsWith('*') ? inner : `(?<![\\p{L}\\p{N}])${inner}(?![\\p{L}\\p{N}])`,
    'iu',
  );
  if (field)
    return {
      sql: `has_word(${named(field)}, ${quoted(text)})`,
      test: (e) => values(e).some((one) => whole.test(String(one))),
    };
  return {
    sql: `has_word(${quoted(text)})`,
    test: (e) => whole.test(`${e.raw ?? ''} ${Object.values(e.fields).join(' ')}`),
  };
}

function compared(field, text) {
  const [, sign, number] = /^([<>]=?)(\d+)/.exec(text);
  return {
    sql: `${named(field)} ${sign} ${number}`,
    test: (e) => compare(valueOf(e, field), sign, Number(number)),
  };
}

function compare(value, sign, other) {
  if (value === null) return false;
  const [a, b] = typeof other === 'number' ? [Number(value), other] : [String(value), other];
  return {
    '=': a === b,
    '<>': a !== b,
    '!=': a !== b,
    '>': a > b,
    '<': a < b,
    '>=': a >= b,
    '<=': a <= b,
  }[sign];
}

/** The SQL of a search. */
export function translated(condition, columns, limit) {
  const shown = ['time', 'host', 'kind', 'raw AS text', 'position', ...columns.map(named)];
  const where = condition.sql ? ` WHERE ${condition.sql}` : '';
  return `SELECT ${shown.join(', ')} FROM events${where} ORDER BY time DESC LIMIT ${limit}`;
}

/** One SELECT from `events`: columns or groups with count(*), WHERE, ORDER BY, LIMIT. */
export function select(text) {
  const signs = signsOf(text);
  let at = 0;
  const peek = () => signs[at];
  const is = (word) => peek()?.word?.toUpperCase() === word;
  const take = (word) => {
    if (!is(word))
      throw new Wrong(`${word} is expected here, not ${peek()?.text ?? 'the end'}.`, place());
    at += 1;
  };
  const place = () => peek()?.at ?? text.length;

  take('SELECT');
  const items = [item()];
  while (is(',')) {
    at += 1;
    items.push(item());
  }
  take('FROM');
  if (!is('EVENTS'))
    throw new Wrong(
      `There is no table ${peek()?.text}. Tables: events, alerts, hosts, ports.`,
      place(),
    );
  at += 1;
  let where = all;
  if (is('WHERE')) {
    at += 1;
    where = either();
  }
  const groups = [];
  if (is('GROUP')) {
    at += 1;
    take('BY');
    groups.push(reference());
    while (is(',')) {
      at += 1;
      groups.push(reference());
    }
  }
  let order = null;
  if (is('ORDER')) {
    at += 1;
    take('BY');
    order = { item: reference(), down: false };
    if (is('DESC') || is('ASC')) {
      order.down = is('DESC');
      at += 1;
    }
  }
  let limit = Infinity;
  if (is('LIMIT')) {
    at += 1;
    limit = Number(peek()?.text);
    at += 1;
  }
  if (peek()) throw new Wrong(`${peek().text} is not expected here.`, place());
  return { items, where, groups, order, limit };

  function item() {
    const sign = peek();
    if (!sign) throw new Wrong('A column is missing.', text.length);
    at += 1;
    if (sign.text === '*') return { all: true };
    let made = { name: sign.name ?? sign.word, of: sign.name ?? sign.word };
    if (is('(')) {
      at += 1;
      take('*');
      take(')');
      made = { name: 'count(*)', count: true };
    }
    if (is('AS')) {
      at += 1;
      made.name = peek().name ?? peek().word;
      at += 1;
    }
    return made;
  }
  function reference() {
    const sign = peek();
    at += 1;
    return /^\d+$/.test(sign?.text ?? '')
      ? items[Number(sign.text) - 1]?.name
      : (sign?.name ?? sign?.word);
  }
  function either() {
    let left = every();
    while (is('OR')) {
      at += 1;
      left = both(left, 'OR', every());
    }
    return left;
  }
  function every() {
    let left = one();
    while (is('AND')) {
      at += 1;
      left = both(left, 'AND', one());
    }
    return left;
  }
  function one() {
    if (is('NOT')) {
      at += 1;
      return not(one());
    }
    if (is('(')) {
      at += 1;
      const inner = either();
      take(')');
      if (!is('IS')) return inner;
      ['IS', 'NOT', 'TRUE'].forEach(take);
      return not(inner);
    }
    const sign = peek();
    if (!sign) throw new Wrong('A condition is missing at the end.', text.length);
    at += 1;
    if (is('(')) return call(sign);
    const field = sign.name ?? sign.word;
    if (is('IS')) {
      at += 1;
      const negated = is('NOT');
      if (negated) at += 1;
      take('NULL');
      return { sql: '', test: (e) => (valueOf(e, field) === null) !== negated };
    }
    const compares = peek()?.text;
    at += 1;
    const value = literal();
    return { sql: '', test: (e) => compare(valueOf(e, field), compares, value) };
  }
  function literal() {
    const sign = peek();
    at += 1;
    if (sign?.string !== undefined) return sign.string;
    return /^\d/.test(sign?.text ?? '') ? Number(sign.text) : sign?.text;
  }
  function call(sign) {
    at += 1;
    const given = [];
    while (peek() && !is(')')) {
      given.push(peek());
      at += 1;
      if (is(',')) at += 1;
    }
    take(')');
    const value = given.at(-1)?.string ?? '';
    const field = given.length > 1 ? (given[0].name ?? given[0].word) : undefined;
    if (sign.word === 'field') {
      ['IS', 'NOT', 'NULL'].forEach(take);
      return leaf({ field: '_exists_', text: value });
    }
    if (sign.word === 'equals_i') return leaf({ field, text: value, exact: true });
    if (['has_word', 'cidr_match', 'like_i'].includes(sign.word))
      return leaf({ field, text: value });
    throw new Wrong(`There is no function ${sign.word}.`, sign.at);
  }
}

function signsOf(text) {
  const found = [];
  const pattern = /\s+|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([\w.]+)|(<>|<=|>=|!=|.)/gsy;
  for (const match of text.matchAll(pattern)) {
    const [whole, string, name, word, sign] = match;
    if (/^\s+$/.test(whole)) continue;
    found.push({
      text: whole,
      at: match.index,
      string: string?.replaceAll("''", "'"),
      name: name?.replaceAll('""', '"'),
      word: word ?? sign,
    });
  }
  return found;
}
