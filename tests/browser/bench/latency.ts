// From a line written in a log to the alert in the browser: median and p99 over 200 alerts.
import { expect, test } from '@playwright/test';
import { password, Stage } from '../chain/stage';

const alerts = 200;

test('from a line in a log to the alert in the browser', async ({ browser }) => {
  test.setTimeout(300_000);
  const stage = new Stage();
  try {
    await stage.begin('[journald]\nenabled = "off"\n');
    const page = await browser.newPage({ locale: 'vi-VN', viewport: { width: 1366, height: 768 } });
    await page.goto(`${stage.address}/alerts`);
    await page.getByTestId('login-name').fill('admin');
    await page.getByTestId('login-password').fill(password);
    await page.getByTestId('login-submit').click();
    await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
    const waiting = new Map<string, (at: number) => void>();
    await page.exposeFunction('alertSeen', (name: string, at: number) => waiting.get(name)?.(at));
    await page.evaluate(watch);
    // The first lines wait for the agent's first connection: not what is measured.
    for (let n = 0; n < 3; n += 1) await one(stage, waiting, `khoidong${n}`);
    const seen: number[] = [];
    for (let n = 0; n < alerts; n += 1) {
      seen.push(await one(stage, waiting, `nguoidung${n}x`));
      await new Promise((wake) => setTimeout(wake, Math.random() * 300));
    }
    seen.sort((a, b) => a - b);
    const at = (share: number): number => seen[Math.min(seen.length - 1, Math.ceil(share * seen.length) - 1)] ?? NaN;
    console.log(`line in a log -> alert in the browser, ${alerts} alerts: median ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`);
  } finally {
    await stage.end();
  }
});

function one(stage: Stage, waiting: Map<string, (at: number) => void>, name: string): Promise<number> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`${name} not seen in 30 s\n${stage.tail('agent.log')}`)), 30_000);
    let wrote = 0;
    waiting.set(name, (at) => {
      clearTimeout(timer);
      waiting.delete(name);
      done(at - wrote);
    });
    wrote = Date.now();
    stage.log(`useradd[77]: new user: name=${name}, UID=1001, GID=1001, home=/home/${name}, shell=/bin/bash, from=none`);
  });
}

// Runs in the page: tells each new name once, at the moment its row is in the document.
function watch(): void {
  const told = new Set<string>();
  const look = (): void => {
    for (const row of document.querySelectorAll('[data-testid=alert-row]')) {
      const name = /(khoidong\d+|nguoidung\d+x)/.exec(row.textContent ?? '')?.[1];
      if (name && !told.has(name)) {
        told.add(name);
        (window as unknown as { alertSeen: (name: string, at: number) => void }).alertSeen(name, Date.now());
      }
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}
