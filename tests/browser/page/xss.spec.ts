// Text that would like to be markup, in every place an agent can write to.
import { expect, live, signIn, test } from './open';

const TAGS = [
  'script', 'img', 'svg', 'iframe', 'object', 'embed', 'video', 'audio', 'details', 'body', 'input', 'form', 'a',
  'math', 'style', 'link', 'meta', 'base', 'marquee', 'select', 'textarea', 'template', 'button', 'table', 'x-y',
];
const HANDLERS = ['onerror', 'onload', 'onclick', 'onfocus autofocus', 'ontoggle open', 'onbegin', 'onmouseover', 'onanimationstart', 'onpageshow', 'onpointerenter'];
const FIRE = 'window.fired=1';
/** How it tries to get out of where it stands. */
const WAYS: ((markup: string) => string)[] = [
  (it) => it,
  (it) => `"><${it.slice(1)}`,
  (it) => `'><${it.slice(1)}`,
  (it) => `</title></textarea></style></script>${it}`,
  (it) => `-->${it}<!--`,
  (it) => `]]>${it}`,
  (it) => it.toUpperCase(),
  (it) => it.replace(' ', '/'),
  (it) => it.replace(' ', '\n'),
  (it) => it.replace(' ', '\t\u00a0'),
  (it) => it.replace('<', '\u0000<'),
  (it) => `\u202e${it}`,
  (it) => it.replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  (it) => it.replaceAll('<', '&#60;'),
  (it) => it.replaceAll('<', '\\u003c'),
  (it) => encodeURIComponent(it),
  (it) => `{@html '${it}'}`,
  (it) => `{{constructor.constructor('${FIRE}')()}}${it}`,
  (it) => `\${${FIRE}}${it}`,
  (it) => `javascript:${FIRE}//${it}`,
];
const VECTORS = TAGS.flatMap((tag) =>
  HANDLERS.flatMap((handler) =>
    WAYS.map((way) => way(`<${tag} src=x href="javascript:${FIRE}" data-xss ${handler.split(' ')[0]}="${FIRE}" ${handler.split(' ')[1] ?? ''}>${FIRE}</${tag}>`)),
  ),
);
/** Fields of one event. */
const EACH = 25;

test('none of 5,000 vectors is anything but text', async ({ page, mock, complaints }) => {
  test.setTimeout(240_000);
  expect(VECTORS.length).toBe(5000);
  const alerts = mock.world.alerts.slice(0, VECTORS.length / EACH) as unknown as Hostile[];
  expect(alerts.length * EACH).toBe(VECTORS.length);
  alerts.forEach((alert, place) => {
    const some = VECTORS.slice(place * EACH, (place + 1) * EACH);
    const text = (n: number) => some[n % EACH] ?? '';
    alert.title = { en: text(0), vi: text(1) };
    alert.description = { en: text(2), vi: text(3) };
    alert.machine.hostname = text(4);
    alert.agency.name = text(5);
    alert.group = { [text(6)]: text(7) };
    alert.tags = [text(8)];
    const [event] = alert.events;
    if (event) {
      event.raw = some.join(' ');
      event.fields = Object.fromEntries(some.map((vector, n) => [n % 2 ? vector : `field.${n}`, vector]));
    }
    alert.history.push({ at: new Date().toISOString(), who: text(9), action: 'commented', comment: text(10) });
  });
  await signIn(page, mock, '/alerts');
  await live(page);
  const go = (path: string) =>
    page.evaluate((path) => {
      history.pushState(null, '', path);
      dispatchEvent(new PopStateEvent('popstate'));
    }, path);
  for (const { id } of alerts) {
    await go(`/alerts/${id}`);
    await expect(page.getByTestId('alert-detail')).toBeVisible();
    await expect(page.getByTestId('event').first()).toBeVisible();
    const marked = await page.evaluate(() => document.querySelectorAll('[data-xss], [onerror], [onload], a[href^="javascript"]').length);
    expect(marked, id).toBe(0);
  }
  for (const path of ['/', '/machines', '/antivirus', '/anomalies', '/wall', '/audit']) {
    await go(path);
    await page.waitForTimeout(500);
    expect(await page.evaluate(() => document.querySelectorAll('[data-xss]').length), path).toBe(0);
  }
  expect(await page.evaluate(() => (window as { fired?: number }).fired)).toBeUndefined();
  expect(complaints).toEqual([]);
});

interface Hostile {
  id: string;
  title: Text;
  description: Text;
  machine: { hostname: string };
  agency: { name: string };
  group: Record<string, string>;
  tags: string[];
  events: { raw: string; fields: Record<string, string> }[];
  history: { at: string; who: string; action: string; comment: string }[];
}
interface Text {
  en: string;
  vi: string;
}
