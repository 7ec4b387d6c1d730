// Each page over a province of 10,000 machines, 200 agencies and 1,000,000 alerts: when something
// useful is on the screen after a fresh load, and how long a change of page or filter takes.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { test, type Page } from '@playwright/test';
import { password, program, Stage } from '../chain/stage';

const machines = process.env.BENCH_MACHINES ?? '10000';
const agencies = process.env.BENCH_AGENCIES ?? '200';
const alerts = process.env.BENCH_ALERTS ?? '1000000';
const times = 3;
/** Nobody speaks for the machines that are made. */
const quiet = (): string => '[fleet]\nsilence_after = "1d"\n';

/** Path, what shows that it is useful, and the path with another filter. */
const pages: [string, string, string][] = [
  ['/', '[data-testid=newest-alert]', '/?agency=5'],
  ['/alerts?state=open,acknowledged', '[data-testid=alert-row]', '/alerts?state=open&level=critical'],
  ['/machines', '[data-testid=machine-row]', '/machines?antivirus=weak&sort=-disk'],
  ['/antivirus', '[data-testid=matrix-row]', '/antivirus?agency=5'],
  ['/ports?scope=lan,any', '[data-testid=fleet-port]', '/ports?scope=lan,any&rare=true'],
  ['/anomalies?state=open,acknowledged', '[data-testid=anomaly]', '/anomalies?kind=rate_spike'],
  ['/rules', '[data-testid=rule-row]', '/rules?level=high'],
  ['/start', '[data-testid=start-count]', '/start?agency=5'],
  ['/wall?screen=1', '[data-testid=wall-alert]', '/wall?screen=1&agency=5'],
];

test('pages over a million alerts', async ({ browser }) => {
  test.setTimeout(1_800_000);
  const stage = new Stage();
  try {
    await stage.collect(quiet);
    const first = stage.collector;
    first?.kill('SIGTERM');
    if (first && first.exitCode === null) await once(first, 'exit');
    const file = stage.path('collector/state.sqlite');
    console.log(execFileSync(program('soc-province'), [file, machines, agencies, alerts]).toString().trim());
    await stage.collect(quiet);
    const page = await browser.newPage({ locale: 'vi-VN', viewport: { width: 1366, height: 768 } });
    await page.goto(`${stage.address}/start`);
    await page.getByTestId('login-name').fill('admin');
    await page.getByTestId('login-password').fill(password);
    await page.getByTestId('login-submit').click();
    await page.getByTestId('start-count').waitFor();
    for (const [path, useful, filtered] of pages) {
      const load = await median(() => loaded(page, stage.address + path, useful));
      const change = await median(async () => {
        await changed(page, path);
        return changed(page, filtered);
      });
      console.log(`${path.padEnd(38)} useful after ${load} ms (1,000)   filter changed after ${change} ms (300)`);
    }
  } finally {
    await stage.end();
  }
});

async function median(measure: () => Promise<number>): Promise<number> {
  const found: number[] = [];
  for (let n = 0; n < times; n += 1) found.push(await measure());
  return Math.round(found.sort((a, b) => a - b)[Math.floor(times / 2)] ?? NaN);
}

async function loaded(page: Page, url: string, useful: string): Promise<number> {
  await page.goto('about:blank');
  const begun = Date.now();
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator(useful).first().waitFor();
  return Date.now() - begun;
}

/** Goes there inside the page, until nothing more is asked for and it is drawn. */
function changed(page: Page, path: string): Promise<number> {
  return page.evaluate(async (to) => {
    const before = window.fetch;
    let open = 0;
    let last = performance.now();
    window.fetch = (...asked) => {
      open += 1;
      return before(...asked).finally(() => {
        open -= 1;
        last = performance.now();
      });
    };
    const begun = performance.now();
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
    const frame = (): Promise<number> => new Promise((done) => requestAnimationFrame(done));
    do {
      await frame();
      await frame();
    } while (open > 0 || performance.now() - last < 50);
    window.fetch = before;
    return last - begun;
  }, path);
}
