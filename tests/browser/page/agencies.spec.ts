import type { Page } from '@playwright/test';
import { expect, signIn, test } from './open';

const row = (page: Page, code: string) =>
  page.locator(`[data-testid=agency-row][data-code="${code}"]`);

test('the tree is found without marks, and one agency says what it is', async ({
  page,
  mock,
  complaints,
}) => {
  await signIn(page, mock);
  await page.getByTestId('nav-agencies').click();
  await expect(page.getByTestId('agency-row').first()).toBeVisible();
  await page.getByTestId('agency-find').fill('xa hoa loi');
  await expect(page.getByTestId('agency-row')).toHaveCount(2);
  await page.getByTestId('agency-open').last().click();
  await expect(page.getByTestId('agency-panel')).toContainText('Xã Hoà Lợi');
  await expect(page.getByTestId('target-approved')).toHaveText(/50\s?%/);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('agency-panel')).toHaveCount(0);
  expect(complaints).toEqual([]);
});

test('two communes are merged after a preview, and the past is still there', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/agencies/XA-11');
  await page.getByTestId('agency-change').click();
  await page.getByTestId('agency-merge').click();
  await page.getByTestId('merge-XA-12').check();
  await page.getByTestId('change-code').fill('PX-1');
  await page.getByTestId('change-name').fill('<b>Phường</b> mới');
  await page.getByTestId('change-decision').fill('1685/NQ-UBTVQH15');
  await page.getByTestId('change-submit').click();
  await expect(page.getByTestId('outcome-row')).toHaveCount(3);
  // What is said differently has to be looked at again.
  await page.getByTestId('change-code').fill('PX-2');
  await expect(page.getByTestId('change-outcome')).toHaveCount(0);
  await page.getByTestId('change-submit').click();
  await expect(page.getByTestId('outcome-row')).toHaveCount(3);
  await page.getByTestId('change-submit').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(row(page, 'PX-2')).toContainText('<b>Phường</b> mới');
  await expect(row(page, 'XA-12')).toHaveCount(0);
  await page.getByTestId('agency-past').check();
  await row(page, 'XA-12').getByTestId('agency-open').click();
  await expect(page.getByTestId('agency-panel')).toContainText('Nay thuộc');
  await expect(page.getByTestId('agency-history')).toContainText('1685/NQ-UBTVQH15');
  await page.getByTestId('agency-at').fill('2025-06-30');
  await expect(page.getByTestId('agency-then')).toHaveCount(24);
});

test('what somebody else changed is not overwritten', async ({ page, mock }) => {
  await signIn(page, mock, '/agencies/XA-11');
  await page.getByTestId('agency-change').click();
  await page.getByTestId('agency-rename').click();
  const agency = mock.world.agencies.find((one) => one.code === 'XA-11');
  if (agency) agency.version += 1;
  await page.getByTestId('change-name').fill('Xã khác');
  await page.getByTestId('change-reason').fill('Sửa tên');
  await page.getByTestId('change-submit').click();
  await expect(page.getByTestId('refused')).toContainText('vừa được người khác thay đổi');
});

test('a system is written down with contacts and hosts', async ({ page, mock, complaints }) => {
  await signIn(page, mock, '/agencies?tab=systems');
  await expect(page.getByTestId('system-row')).toHaveCount(6);
  await page.getByTestId('system-add').click();
  await page.getByTestId('system-code').fill('HT-9');
  await page.getByTestId('system-name').fill('Phòng họp không giấy');
  await page.getByTestId('system-level').selectOption('3');
  await page.getByTestId('system-owner').selectOption('SO-2');
  await page.getByTestId('contact-add').click();
  await page.getByTestId('contact-name').fill('Nguyễn Thị Hoa');
  await page.getByTestId('system-host-find').fill('mc');
  await page.getByTestId('system-host-add').first().click();
  await page.getByTestId('system-submit').click();
  const added = page.locator('[data-testid=system-row][data-code="HT-9"]');
  await expect(added).toContainText('/1');
  await added.getByTestId('system-edit').click();
  await expect(page.getByTestId('contact')).toHaveCount(1);
  await page.getByTestId('system-remove').click();
  await page.getByTestId('system-remove').click();
  await expect(added).toHaveCount(0);
  expect(complaints).toEqual([]);
});

test('a table is previewed with its mistakes, then taken over whole', async ({ page, mock }) => {
  await signIn(page, mock, '/agencies');
  await page.getByTestId('table-import').click();
  const file = (text: string) => ({
    name: 'don-vi.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(text),
  });
  await page
    .getByTestId('import-file')
    .setInputFiles(file('code,name,parent\nXA 99,=cmd,\nXA-98,Xã Mới,\n'));
  await expect(page.getByTestId('import-mistake')).toHaveCount(1);
  await expect(page.getByTestId('import-mistake')).toContainText('XA 99');
  await expect(page.getByTestId('import-apply')).toBeDisabled();
  await page
    .getByTestId('import-file')
    .setInputFiles(file('code,name,parent\nXA-99,=cmd,\nXA-98,Xã Mới,\nSO-1,Sở,\n'));
  await expect(page.getByTestId('import-counts')).toContainText('Thêm 2');
  await expect(page.getByTestId('import-row')).toHaveCount(2);
  await page.getByTestId('import-apply').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(row(page, 'XA-99')).toContainText('=cmd');
});

test('the record of a machine is edited, and the machine moves', async ({ page, mock }) => {
  const machine = mock.world.machines[0];
  await signIn(page, mock, `/machines/${machine?.id}?tab=inventory`);
  await page.getByTestId('record-edit').click();
  await page.getByTestId('record-input-person').fill('Chị Hoa');
  await page.getByTestId('record-save').click();
  await expect(page.getByTestId('record-person')).toHaveText('Chị Hoa');
  await page.getByTestId('record-move').click();
  await page.getByTestId('move-agency').selectOption('XA-24');
  await page.getByTestId('move-reason').fill('Bàn giao');
  await page.getByTestId('move-submit').click();
  await expect(page.getByTestId('record-agency')).toContainText('Thiện Nghiệp');
});
