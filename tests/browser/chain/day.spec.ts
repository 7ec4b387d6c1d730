// A day of the team, with real parts: from an empty collector to an audit that verifies.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { Secret, TOTP } from 'otpauth';
import { eicar, isInstalled, scan, startClamd } from './clamav';
import { password, program, Stage } from './stage';

const stage = new Stage();
const OFFICER_PASSWORD = 'can-bo-xa-hoa-loi-2026';
/** Where pictures go; `docs/screens` when the documentation is to get new ones. */
const PICTURES = process.env.SCREENS ?? 'results/screens';
let admin: Page;
let officer: Page;
const complaints: string[] = [];

test.describe.configure({ mode: 'serial' });

/** A browser that writes down what it objects to, and asks nobody but the collector. */
async function open(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ locale: 'vi-VN', viewport: { width: 1366, height: 768 } });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // What the API refuses is on the console of itself; the page says it.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(stage.address) && !request.url().startsWith('blob:')) complaints.push(request.url());
  });
  return page;
}

async function signIn(page: Page, name: string, word: string): Promise<void> {
  await page.goto(stage.address);
  await page.getByTestId('login-name').fill(name);
  await page.getByTestId('login-password').fill(word);
  await page.getByTestId('login-submit').click();
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  if (isInstalled()) await startClamd(stage);
  await stage.collect();
  admin = await open(browser);
  officer = await open(browser);
});

test.afterAll(async () => {
  test.setTimeout(60_000);
  if (test.info().status !== test.info().expectedStatus) console.log(stage.tail('collector.log'));
  await stage.end();
});

test('the administrator makes the tree', async () => {
  await signIn(admin, 'admin', password);
  await admin.getByTestId('nav-agencies').click();
  for (const [code, name] of [
    ['XA-HL', 'Xã Hoà Lợi'],
    ['XA-PT', 'Xã Phú Tân'],
  ] as const) {
    await admin.getByTestId('agency-add').click();
    await admin.getByTestId('change-code').fill(code);
    await admin.getByTestId('change-name').fill(name);
    await admin.getByTestId('change-reason').fill('Lập danh sách đơn vị');
    await admin.getByTestId('change-submit').click();
    await expect(admin.getByTestId('outcome-row')).toHaveCount(1);
    await admin.getByTestId('change-submit').click();
    await expect(admin.locator(`[data-testid=agency-row][data-code="${code}"]`)).toContainText(name);
  }
});

test('an officer is added, chooses a password, and sets up a second factor', async () => {
  test.setTimeout(120_000);
  await admin.goto(`${stage.address}/users`);
  await admin.getByTestId('user-add').click();
  await admin.getByTestId('user-name').fill('can.bo');
  await admin.getByTestId('user-full-name').fill('Trần Thị Bình');
  await admin.getByTestId('user-role').selectOption('officer');
  await admin.locator('[data-testid=pick-agency][data-code="XA-HL"]').check();
  await admin.getByTestId('user-submit').click();
  const oneTime = await admin.getByTestId('one-time').innerText();
  await admin.keyboard.press('Escape');
  await expect(admin.locator('[data-testid=user][data-name="can.bo"]')).toContainText('Xã Hoà Lợi');

  await signIn(officer, 'can.bo', oneTime);
  await officer.getByTestId('password-old').fill(oneTime);
  await officer.getByTestId('password-new').fill(OFFICER_PASSWORD);
  await officer.getByTestId('password-again').fill(OFFICER_PASSWORD);
  await officer.getByTestId('password-submit').click();
  await expect(officer.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  for (const hidden of ['users', 'audit', 'archive', 'hunt']) {
    await expect(officer.getByTestId(`nav-${hidden}`)).toHaveCount(0);
  }
  await officer.goto(`${stage.address}/account`);
  await officer.getByTestId('factor-open').click();
  const secret = (await officer.getByTestId('factor-secret').innerText()).replaceAll(' ', '');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  const first = totp.generate();
  await officer.getByTestId('factor-code').fill(first);
  await officer.getByTestId('factor-confirm').click();
  await officer.getByTestId('factor-kept').click();
  await expect(officer.getByTestId('factor-state')).toHaveAttribute('data-on', 'true');
  await officer.getByTestId('person').click();
  await officer.getByTestId('sign-out').click();
  await expect(officer.getByTestId('login-name')).toBeVisible();
  await signIn(officer, 'can.bo', OFFICER_PASSWORD);
  // Each code opens once: the next one.
  await expect.poll(() => totp.generate(), { timeout: 40_000 }).not.toBe(first);
  await officer.getByTestId('login-code').fill(totp.generate());
  await officer.getByTestId('login-submit').click();
  await expect(officer.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
});

test('the officer installs two agents with the command the page gives', async () => {
  test.setTimeout(120_000);
  await officer.goto(`${stage.address}/start`);
  const form = officer.getByTestId('step-tokens');
  await form.getByRole('spinbutton').fill('2');
  await officer.getByTestId('enrol-submit').click();
  const command = await officer.getByTestId('enrol-command').innerText();
  const [, token = '', pin = ''] = /--token (\S+) --ca-pin (\S+)/.exec(command) ?? [];
  for (const name of ['may-1', 'may-2']) {
    writeFileSync(stage.path(`${name}.log`), '');
    writeFileSync(
      stage.path(`${name}.toml`),
      `[antivirus]\npoll_s = 2\nclamd_conf = "${stage.path('clamd.conf')}"\n[journald]\nenabled = "off"\n` +
        `[[logfile.files]]\npath = "${stage.path(`${name}.log`)}"\n`,
    );
    const address = `https://localhost:${stage.agentsPort}`;
    const enrol = ['enrol', '--collector', address, '--token', token, '--ca-pin', pin, '--state', stage.path(name)];
    execFileSync(program('soc-agent'), enrol);
    stage.start(program('soc-agent'), ['run', '--state', stage.path(name), '--config', stage.path(`${name}.toml`)], 'agent.log');
  }
  await expect(officer.getByTestId('arrival')).toHaveCount(2, { timeout: 30_000 });
  await officer.goto(`${stage.address}/machines`);
  await expect(officer.locator('[data-testid=machine-row][data-state=online]')).toHaveCount(2, { timeout: 30_000 });
});

test('the officer imports what is written down about the machines', async () => {
  const list = await officer.evaluate(
    async () => (await fetch('/api/v1/machines')).json() as Promise<{ items: { id: string; hostname: string }[] }>,
  );
  const rows = list.items.map(({ id, hostname }, place) => `${id},${hostname},Trần Thị Bình,Phòng ${place + 1},Một cửa`);
  await officer.goto(`${stage.address}/agencies`);
  await officer.getByTestId('table-import').click();
  await officer.getByTestId('import-what').selectOption('machines');
  const table = (text: string) => ({ name: 'may.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  const head = 'machine,hostname,person,place,purpose';
  await officer.getByTestId('import-file').setInputFiles(table(`${head}\nkhong-co,may,An,P1,x\n`));
  await expect(officer.getByTestId('import-mistake')).toHaveCount(1);
  await expect(officer.getByTestId('import-apply')).toBeDisabled();
  await officer.getByTestId('import-file').setInputFiles(table(`${head}\n${rows.join('\n')}\n`));
  await expect(officer.getByTestId('import-row')).toHaveCount(2);
  await officer.getByTestId('import-apply').click();
  await expect(officer.getByRole('dialog')).toHaveCount(0);
});

test('malware is found, and the alert is handled to its verdict', async () => {
  test.skip(!isInstalled(), 'Debian package clamav-daemon is not installed');
  const sample = stage.path('hoa-don.com');
  writeFileSync(sample, eicar);
  expect(await scan(stage, sample)).toContain('FOUND');
  await officer.goto(`${stage.address}/alerts?state=open,acknowledged`);
  const row = officer.getByTestId('alert-row').filter({ hasText: /mã độc/i }).first();
  await expect(row).toBeVisible({ timeout: 20_000 });
  await row.click();
  await expect(officer.getByTestId('alert-detail')).toContainText('hoa-don.com');
  await officer.getByTestId('alert-acknowledge').click();
  await expect(officer.getByTestId('alert-state')).toHaveAttribute('data-state', 'acknowledged');
  await officer.getByTestId('alert-comment').fill('Đã xoá tệp, quét lại sạch');
  await officer.getByTestId('alert-close').click();
  await officer.getByTestId('close-true_positive').check();
  await officer.getByTestId('close-submit').click();
  await expect(officer.getByTestId('alert-state')).toHaveAttribute('data-state', 'closed');
});

test('an exception is made from an alert, and what it would have hidden is said before', async () => {
  const line = (text: string) =>
    writeFileSync(stage.path('may-1.log'), `${new Date().toISOString().replace('Z', '+00:00')} may-1 ${text}\n`, { flag: 'a' });
  for (let port = 40_001; port <= 40_006; port += 1) line(`sshd[4242]: Failed password for root from 192.0.2.66 port ${port} ssh2`);
  line('sshd[4243]: Accepted password for root from 192.0.2.66 port 40010 ssh2');
  await admin.goto(`${stage.address}/alerts?state=open,acknowledged`);
  const row = admin.getByTestId('alert-row').filter({ hasText: '192.0.2.66' }).first();
  await expect(row).toBeVisible({ timeout: 20_000 });
  await row.click();
  await admin.getByTestId('alert-exception').click();
  const dialog = admin.getByTestId('exception-dialog');
  await dialog.locator('[data-field="source.ip"]').first().click();
  await expect(admin.getByTestId('exception-preview')).toHaveAttribute('data-alerts', /^[1-9]/);
  await admin.getByTestId('exception-why').fill('Máy quét của trung tâm');
  await admin.getByTestId('exception-submit').click();
  await expect(admin.getByTestId('alert-state')).toHaveAttribute('data-state', 'closed');
});

test('a baseline of ports is approved, and a month of a machine is read', async () => {
  await admin.goto(`${stage.address}/ports?scope=lan,any,loopback`);
  const port = admin.getByTestId('fleet-port').first();
  await expect(port).toBeVisible({ timeout: 20_000 });
  await port.getByRole('checkbox').check();
  await admin.getByTestId('ports-approve').click();
  await admin.getByTestId('approve-note').fill('Dịch vụ chuẩn');
  await admin.getByTestId('approve-confirm').click();
  await expect(admin.getByTestId('fleet-port').first()).toContainText('Đã duyệt');

  await admin.goto(`${stage.address}/hunt?q=192.0.2.66&range=30d`);
  await expect(admin.getByTestId('hunt-row')).toHaveCount(7, { timeout: 30_000 });
});

test('the audit says all of it, and verifies', async () => {
  await admin.goto(`${stage.address}/audit`);
  for (const action of ['operator added', 'second factor set up', 'exception made', 'ports approved', 'hunt begun']) {
    await expect(admin.locator(`[data-testid=audit-row][data-action="${action}"]`).first()).toBeVisible();
  }
  await admin.getByTestId('audit-verify').click();
  await expect(admin.getByTestId('audit-verdict')).toContainText('không dòng nào bị sửa hay mất');
});

/** Each page, in what a person may have before them. */
const PLACES = {
  overview: '/', alerts: '/alerts', machines: '/machines', antivirus: '/antivirus', ports: '/ports?scope=lan,any',
  anomalies: '/anomalies', hunt: '/hunt', rules: '/rules', exceptions: '/rules/exceptions', agencies: '/agencies',
  users: '/users', audit: '/audit', archive: '/archive', account: '/account', start: '/start', wall: '/wall',
};
const SIGHTS = [
  { language: 'vi', theme: 'light', width: 1366, height: 768 },
  { language: 'en', theme: 'dark', width: 1920, height: 1080 },
  { language: 'vi', theme: 'dark', width: 390, height: 844 },
];

/** What axe calls serious, and what is wider than the screen, of each page. */
async function wrong({ language, theme, width, height }: (typeof SIGHTS)[number]): Promise<string[]> {
  const found: string[] = [];
  await admin.setViewportSize({ width, height });
  await admin.goto(stage.address);
  const chosen = JSON.stringify({ language, theme });
  await admin.evaluate((chosen) => localStorage.setItem('soc.preferences', chosen), chosen);
  for (const [name, path] of Object.entries(PLACES)) {
    await admin.goto(stage.address + path);
    // The live connection never ends, so the page is never idle.
    await admin.waitForTimeout(800);
    const seen = `${name} ${width} ${language} ${theme}`;
    const tags = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];
    const { violations } = await new AxeBuilder({ page: admin }).withTags(tags).analyze();
    for (const { id, impact, nodes } of violations) {
      if (impact === 'serious' || impact === 'critical') found.push(`${seen}: ${id} ${nodes[0]?.html.slice(0, 160)}`);
    }
    const wide = await admin.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`${seen}: ${wide} wide`);
    await admin.screenshot({ path: `${PICTURES}/${name}-${language}-${theme}-${width}.png` });
  }
  return found;
}

test('on every page, in every sight, axe finds nothing serious', async () => {
  test.setTimeout(400_000);
  mkdirSync(PICTURES, { recursive: true });
  const found: string[] = [];
  for (const sight of SIGHTS) found.push(...(await wrong(sight)));
  expect(found).toEqual([]);
});

test('nothing was objected to, and nobody else was asked', () => {
  expect(complaints).toEqual([]);
});
