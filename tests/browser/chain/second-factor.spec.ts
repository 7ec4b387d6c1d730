// A second factor set up and used in the page, against an authenticator of another make.
import { expect, test } from '@playwright/test';
import { Secret, TOTP } from 'otpauth';
import { password, Stage } from './stage';

const stage = new Stage();

test.beforeAll(async () => {
  test.setTimeout(60_000);
  // As where people come from elsewhere: administrators need a second factor.
  await stage.collect(() => '[access]\nsecond_factor = true\n');
});

test.afterAll(() => stage.end());

/** A code that was not used yet: the next one, where this one was. */
async function fresh(totp: TOTP, used: Set<string>): Promise<string> {
  for (;;) {
    const code = totp.generate();
    if (!used.has(code)) {
      used.add(code);
      return code;
    }
    await new Promise((wake) => setTimeout(wake, 500));
  }
}

test('an administrator sets it up first, and comes in with it', async ({ page }) => {
  test.setTimeout(150_000);
  const used = new Set<string>();
  const signIn = async (): Promise<void> => {
    await page.goto(stage.address);
    await page.getByTestId('login-name').fill('admin');
    await page.getByTestId('login-password').fill(password);
    await page.getByTestId('login-submit').click();
  };
  const signOut = async (): Promise<void> => {
    await page.getByTestId('person').click();
    await page.getByTestId('sign-out').click();
    await expect(page.getByTestId('login-name')).toBeVisible();
  };
  await signIn();
  await expect(page.getByRole('heading', { name: 'Thiết lập xác thực hai bước' })).toBeVisible();
  await expect(page.getByRole('img', { name: 'Mã QR cho ứng dụng xác thực' })).toBeVisible();
  const secret = (await page.getByTestId('factor-secret').innerText()).replaceAll(' ', '');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  await page.getByTestId('factor-code').fill('000000');
  await page.getByTestId('factor-confirm').click();
  await expect(page.getByRole('alert')).toContainText('Không phải mã đang hiện');
  await page.getByTestId('factor-code').fill(await fresh(totp, used));
  await page.getByTestId('factor-confirm').click();
  const codes = page.getByTestId('recovery-codes').locator('li');
  await expect(codes).toHaveCount(10);
  const recovery = await codes.first().innerText();
  await page.getByTestId('factor-kept').click();
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  await signOut();

  await signIn();
  await page.getByTestId('login-code').fill(await fresh(totp, used));
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  await signOut();

  await signIn();
  await page.getByTestId('login-code').fill(recovery);
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
  await signOut();

  await signIn();
  await page.getByTestId('login-code').fill(recovery);
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('login-failure')).toContainText('Mã không đúng');
});
