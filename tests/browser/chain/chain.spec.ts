// The whole chain with real parts, seen in Chromium in Vietnamese without a reload.
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { expect, test, type Page } from '@playwright/test';
import { eicar, isInstalled, scan, startClamd } from './clamav';
import { freePort, password, Stage } from './stage';

const stage = new Stage();
let page: Page;
let reloads = 0;

const agentConfig = (): string => `
[antivirus]
poll_s = 2
clamd_conf = "${stage.path('clamd.conf')}"
[journald]
enabled = "off"
`;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  if (isInstalled()) await startClamd(stage);
  await stage.begin(agentConfig());
  const context = await browser.newContext({ locale: 'vi-VN', viewport: { width: 1366, height: 768 } });
  page = await context.newPage();
  page.on('load', () => (reloads += 1));
  await page.goto(stage.address);
  await page.getByTestId('login-name').fill('admin');
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  reloads = 0;
});

test.afterAll(async () => {
  test.setTimeout(60_000);
  if (test.info().status !== test.info().expectedStatus) console.log(stage.tail('collector.log'), stage.tail('agent.log'));
  await stage.end();
});

/** The newest alert whose title holds the words; waits for it. */
function alertRow(words: RegExp | string) {
  return page.getByTestId('alert-row').filter({ hasText: words }).first();
}

test('the machine shows its antivirus, ports and heartbeat', async () => {
  test.setTimeout(90_000);
  await expect(page.getByTestId('count-online')).toHaveText(/1/, { timeout: 60_000 });
  await page.getByRole('link', { name: 'Máy', exact: true }).first().click();
  await page.getByTestId('machine-row').first().click();
  await expect(page.getByTestId('antivirus-product').first()).toContainText(isInstalled() ? 'ClamAV' : /Không|không/);
  await expect(page.getByTestId('port-row').filter({ hasText: String(stage.port) })).toContainText('soc-collector');
  await page.getByRole('link', { name: 'Cảnh báo', exact: true }).first().click();
});

test('ClamAV finds the EICAR test file, and the alert says which', async () => {
  test.skip(!isInstalled(), 'Debian package clamav-daemon is not installed');
  const sample = stage.path('mau-thu.com');
  writeFileSync(sample, eicar);
  expect(await scan(stage, sample)).toContain('FOUND');
  const row = alertRow(/mã độc/i);
  await expect(row).toBeVisible({ timeout: 20_000 });
  await row.click();
  await expect(page.getByTestId('alert-detail')).toContainText('mau-thu.com');
  await page.keyboard.press('Escape');
});

test('failed and then successful ssh log-ins raise the correlation alert', async () => {
  for (let port = 40_001; port <= 40_006; port += 1) {
    stage.log(`sshd[4242]: Failed password for root from 192.0.2.66 port ${port} ssh2`);
  }
  stage.log('sshd[4243]: Accepted password for root from 192.0.2.66 port 40010 ssh2');
  const row = page.locator('[data-testid=alert-row]').filter({ hasText: /thành công sau/i }).first();
  await expect(row).toBeVisible({ timeout: 20_000 });
  await row.click();
  await expect(page.getByTestId('alert-detail')).toContainText('192.0.2.66');
  await page.keyboard.press('Escape');
});

test('a listener on all addresses raises an alert that names program and port', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '0.0.0.0');
  try {
    const row = alertRow(String(port));
    await expect(row).toBeVisible({ timeout: 20_000 });
    await row.click();
    await expect(page.getByTestId('alert-detail')).toContainText('node');
    await expect(page.getByTestId('alert-detail')).toContainText(String(port));
    await page.keyboard.press('Escape');
  } finally {
    server.close();
  }
});

test('hostile text in a log line is shown as text', async () => {
  stage.log(`useradd[99]: new user: name=<img/src=x>\u202e\u001b[31m, UID=1001, GID=1001, home=/home/x, shell=/bin/sh, from=none`);
  const row = alertRow('<img/src=x>');
  await expect(row).toBeVisible({ timeout: 20_000 });
  await expect(page.locator('img[src=x]')).toHaveCount(0);
});

test('acknowledging and closing an alert works with the keyboard and stays', async () => {
  const row = alertRow(/thành công sau/i);
  await row.click();
  await page.getByTestId('alert-acknowledge').click();
  await expect(page.getByTestId('alert-detail')).toContainText(/tiếp nhận/i);
  await page.getByTestId('alert-comment').fill('Máy quét nội bộ, đã xác minh');
  await page.getByTestId('alert-close').click();
  await page.getByTestId('close-benign').check();
  await page.getByTestId('close-submit').click();
  await expect(page.getByTestId('alert-detail')).toContainText('Máy quét nội bộ, đã xác minh');
  await page.keyboard.press('Escape');
});

test('a clean stop raises nothing; SIGKILL becomes an alert within 90 seconds', async () => {
  test.setTimeout(300_000);
  await stage.stop(stage.agent, 'SIGTERM');
  await new Promise((wake) => setTimeout(wake, 95_000));
  await expect(alertRow(/mất tín hiệu/i)).toHaveCount(0);
  stage.startAgent();
  await page.getByRole('link', { name: 'Tổng quan', exact: true }).first().click();
  await expect(page.getByTestId('count-online')).toHaveText(/1/, { timeout: 30_000 });
  await page.getByRole('link', { name: 'Cảnh báo', exact: true }).first().click();
  const killed = Date.now();
  await stage.stop(stage.agent, 'SIGKILL');
  await expect(alertRow(/mất tín hiệu/i)).toBeVisible({ timeout: 100_000 });
  const seconds = (Date.now() - killed) / 1000;
  console.log(`agent.silent in the browser ${seconds.toFixed(1)} s after SIGKILL`);
  expect(seconds).toBeLessThanOrEqual(90);
});

test('nothing was reloaded', () => {
  expect(reloads).toBe(0);
});
