// Sign-in through a real identity provider on loopback, and what it refuses.
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { expect, test, type Page } from '@playwright/test';
import Provider from 'oidc-provider';
import { freePort, password, Stage } from './stage';

const SECRET = 'mot bi mat:co dau cach/va%';
const stage = new Stage();
let identities: Server;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  test.setTimeout(60_000);
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  writeFileSync(stage.path('secret'), `${SECRET}\n`);
  await stage.collect((address) =>
    [
      '[oidc]',
      `issuer = "${issuer}"`,
      'client_id = "soc collector"',
      `client_secret_file = "${stage.path('secret')}"`,
      `public_url = "${address}"`,
      'label = "Tài khoản tỉnh"',
    ].join('\n'),
  );
  // Signs with RS256, asks for PKCE; whoever types a name is that person.
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'soc collector',
        client_secret: SECRET,
        redirect_uris: [`${stage.address}/api/v1/session/oidc/callback`],
      },
    ],
    pkce: { required: () => true },
  });
  identities = provider.listen(port, '127.0.0.1');
  await operator('nguyen.an', 'an@tinh');
});

test.afterAll(async () => {
  identities.closeAllConnections();
  identities.close();
  await stage.end();
});

async function call(method: string, path: string, body: object, token = ''): Promise<Response> {
  return fetch(`${stage.address}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-requested-with': 'soc', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
}

/** A handler whom the provider knows as `identity`. */
async function operator(name: string, identity: string): Promise<void> {
  const session = await call('POST', '/session', { name: 'admin', password });
  const { token } = (await session.json()) as { token: string };
  expect((await call('POST', '/operators', { name, role: 'handler' }, token)).status).toBe(201);
  const change = { oidc_subject: identity, version: 1 };
  expect((await call('PATCH', `/operators/${name}`, change, token)).status).toBe(204);
}

async function comeAs(page: Page, identity: string): Promise<void> {
  await page.goto(stage.address);
  await page.getByTestId('login-provider').click();
  await page.locator('input[name=login]').fill(identity);
  await page.locator('input[name=password]').fill('bat ky');
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

test('whom an administrator gave an identity comes in without a password of ours', async ({ page }) => {
  await page.goto(stage.address);
  await expect(page.getByTestId('login-provider')).toHaveText('Đăng nhập bằng Tài khoản tỉnh');
  await comeAs(page, 'an@tinh');
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  await page.getByTestId('person').click();
  await expect(page.getByText('Trực xử lý')).toBeVisible();
});

test('an identity nobody was given stays outside', async ({ page }) => {
  await comeAs(page, 'la@noi.khac');
  await expect(page.getByTestId('login-failure')).toContainText('chưa gắn với người dùng nào');
});

test('what another browser began, or nobody, opens nothing', async ({ page, browser }) => {
  await page.goto(stage.address);
  const taken = page.waitForRequest((request) => request.url().includes('/oidc/callback'));
  await page.route('**/oidc/callback**', (route) => route.abort());
  await comeAs(page, 'an@tinh').catch(() => {});
  const url = (await taken).url();
  const other = await (await browser.newContext()).newPage();
  for (const stolen of [url, `${stage.address}/api/v1/session/oidc/callback?code=a&state=b`]) {
    await other.goto(stolen);
    await expect(other.getByTestId('login-failure')).toBeVisible();
    expect(await other.evaluate(() => fetch('/api/v1/session').then((it) => it.status))).toBe(401);
  }
});
