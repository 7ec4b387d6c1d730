import { expect, live, signIn, test } from './open';

test.use({ locale: 'vi-VN' });

test('a wrong password is said, and the right one opens the address asked for', async ({
  page,
  mock,
  complaints,
}) => {
  await page.goto(`${mock.url}/machines?state=silent`);
  await page.getByTestId('login-name').fill('admin');
  await page.getByTestId('login-password').fill('sai');
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('login-failure')).toHaveText(
    'Tên đăng nhập hoặc mật khẩu không đúng.',
  );
  await page.getByTestId('login-password').fill('matkhau-thu-nghiem');
  await page.getByTestId('login-submit').click();
  await expect(page.getByTestId('machine-row').first()).toHaveAttribute('data-state', 'silent');
  expect(complaints).toEqual([]);
});

test('the first password must be changed before anything is shown', async ({ page, mock }) => {
  await signIn(page, mock, '/', 'moi');
  await page.getByTestId('password-old').fill('matkhau-thu-nghiem');
  await page.getByTestId('password-new').fill('ngan');
  await page.getByTestId('password-again').fill('ngan');
  await page.getByTestId('password-submit').click();
  await expect(page.getByRole('alert')).toContainText('ít nhất 12 ký tự');
  await page.getByTestId('password-new').fill('một mật khẩu đủ dài');
  await page.getByTestId('password-again').fill('một mật khẩu đủ dài');
  await page.getByTestId('password-submit').click();
  await live(page);
});

test('language and theme are switched and kept', async ({ page, mock }) => {
  await signIn(page, mock);
  await expect(page.getByRole('heading', { name: 'Tổng quan' })).toBeVisible();
  await page.getByTestId('language').click();
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await page.getByTestId('theme').click();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
});

test('signing out ends the session', async ({ page, mock }) => {
  await signIn(page, mock);
  await page.getByTestId('person').click();
  await page.getByTestId('sign-out').click();
  await expect(page.getByTestId('login-name')).toBeVisible();
  await page.reload();
  await expect(page.getByTestId('login-name')).toBeVisible();
});
