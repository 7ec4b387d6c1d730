import { expect, signIn, test, type Mock } from './open';

type Row = { id: string; level: string; events: { fields: Record<string, unknown> }[] };

/** An alert whose event names an address, so that there is something to choose. */
function withAddress(mock: Mock): Row {
  const found = (mock.world.alerts as unknown as Row[]).find(
    (alert) => typeof alert.events[0]?.fields['source.ip'] === 'string',
  );
  if (!found) throw new Error('no alert names an address');
  Object.assign(found, { state: 'open', verdict: null, assignee: null });
  return found;
}

test('an exception is made from the alert by clicking, with what it would have hidden', async ({
  page,
  mock,
}) => {
  const alert = withAddress(mock);
  await signIn(page, mock, `/alerts/${alert.id}`);
  await expect(page.getByTestId('alert-detail')).toBeVisible();
  await page.keyboard.press('n');
  const dialog = page.getByTestId('exception-dialog');
  await expect(dialog).toBeVisible();
  await expect(page.getByTestId('exception-submit')).toBeDisabled();
  await dialog.locator('[data-field="source.ip"]').click();
  const preview = page.getByTestId('exception-preview');
  await expect(preview).toHaveAttribute('data-alerts', /^[1-9]\d*$/);
  await page.getByTestId('exception-how').selectOption('cidr');
  await expect(page.getByTestId('exception-value')).toHaveValue(/\.0\/24$/);
  await page.getByTestId('exception-scope').selectOption('all');
  await page.getByTestId('exception-why').fill('Máy quét của Sở');
  await page.getByTestId('exception-submit').click();
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'closed');
  await expect(page.getByTestId('alert-state')).toContainText('Báo nhầm');
  await page.getByTestId('alert-history').getByRole('link', { name: '#1' }).click();
  await expect(page).toHaveURL(/\/rules\/exceptions\?exception=1$/);
  await expect(page.getByTestId('exception-detail')).toContainText('Máy quét của Sở');
});

test('an exception is renewed, and ended, with a reason', async ({ page, mock }) => {
  const alert = withAddress(mock);
  await signIn(page, mock, `/alerts/${alert.id}`);
  await page.getByTestId('alert-exception').click();
  await page.locator('[data-field="source.ip"]').click();
  await page.getByTestId('exception-why').fill('Thử');
  await page.getByTestId('exception-then').selectOption('');
  await page.getByTestId('exception-submit').click();
  await expect(page.getByTestId('exception-dialog')).toHaveCount(0);
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'open');
  await page.goto(`${mock.url}/rules/exceptions`);
  await page.getByTestId('exception-row').click();
  await expect(page.getByTestId('exception-end')).toBeDisabled();
  await page.getByTestId('review-why').fill('Vẫn đúng');
  await page.getByTestId('exception-renew').click();
  await expect(page.getByTestId('exception-detail')).toContainText('Gia hạn');
  await page.getByTestId('review-why').fill('Không còn đúng');
  await page.getByTestId('exception-end').click();
  await expect(page.getByTestId('exception-state')).toHaveAttribute('data-state', 'ended');
});

test('all that match a filter are closed with one request', async ({ page, mock }) => {
  await signIn(page, mock, '/alerts?state=open&level=high');
  const total = Number((await page.getByTestId('list-total').textContent())?.replace(/\D/g, ''));
  await page.getByTestId('alert-row').first().getByRole('checkbox').check();
  await page.getByTestId('bulk-all').click();
  await page.getByTestId('bulk-close').click();
  await page.getByTestId('close-benign').check();
  await page.getByTestId('close-comment').fill('Diễn tập');
  await page.getByTestId('close-submit').click();
  await expect(page.getByTestId('bulk-close')).toHaveCount(0);
  const closed = mock.world.alerts.filter(
    (alert) => alert['level'] === 'high' && alert['state'] === 'open',
  );
  expect([total > 1, closed.length]).toEqual([true, 0]);
});

test('who is slower than somebody else is shown what there is, and chooses', async ({
  page,
  mock,
}) => {
  const made = mock.raise({ level: 'critical' });
  await signIn(page, mock, `/alerts/${made.id}`);
  await expect(page.getByTestId('alert-acknowledge')).toBeVisible();
  Object.assign(made, { version: 7, assignee: 'binh' });
  await page.getByTestId('alert-acknowledge').click();
  await expect(page.getByRole('alert')).toContainText('Người khác vừa thay đổi');
  await page.getByTestId('alert-acknowledge').click();
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'acknowledged');
});

test('an alert is assigned, found among one’s own, and given back', async ({ page, mock }) => {
  const made = mock.raise({ level: 'critical' });
  await signIn(page, mock, `/alerts/${made.id}?state=open`);
  await page.getByTestId('alert-assign').click();
  await page.getByTestId('assign-me').click();
  await expect(page.getByTestId('alert-last-action')).toContainText('admin');
  await page.goto(`${mock.url}/alerts?state=open&assignee=me`);
  await expect(page.getByTestId('list-total')).toHaveText('1');
  await page.getByTestId('alert-row').click();
  await page.getByTestId('alert-assign').click();
  await page.getByTestId('assign-back').click();
  await expect(page.getByTestId('alert-last-action')).toContainText('Trả về hàng đợi');
});

test('planned work is silenced from an alert and ended early', async ({ page, mock }) => {
  const made = mock.raise({ level: 'critical' });
  await signIn(page, mock, `/alerts/${made.id}`);
  await page.getByTestId('alert-silence').click();
  await page.getByTestId('silence-why').fill('Thay máy chủ thư');
  await page.getByTestId('silence-submit').click();
  await expect(page.getByTestId('silence-dialog')).toHaveCount(0);
  await page.goto(`${mock.url}/rules/silences`);
  await expect(page.getByTestId('silence-row')).toContainText('Thay máy chủ thư');
  await page.getByTestId('silence-end').click();
  await expect(page.getByTestId('silence-end')).toHaveCount(0);
});

test('related alerts stand in order of time around the alert', async ({ page, mock }) => {
  const [first] = mock.world.alerts;
  await signIn(page, mock, `/alerts/${first?.id}?panel=related`);
  await expect(page.getByText('Cảnh báo trong 24 giờ trước và sau')).toBeVisible();
  await page.getByTestId('tab-details').click();
  await expect(page.getByTestId('alert-history')).toBeVisible();
});

test('the matrix leads from a technique to its alerts', async ({ page, mock, complaints }) => {
  await signIn(page, mock, '/rules/attack');
  const technique = page.getByTestId('technique').filter({ has: page.getByRole('link') }).first();
  const id = await technique.getAttribute('data-technique');
  await technique.getByRole('link').click();
  await expect(page).toHaveURL(new RegExp(`technique=${id}`));
  await expect(page.getByTestId('alert-row').first()).toBeVisible();
  expect(complaints).toEqual([]);
});

test('a rule is switched off for an agency, and its noise is told', async ({ page, mock }) => {
  await signIn(page, mock, '/rules?sort=-noise');
  const row = page.getByTestId('rule-row').first();
  await row.click();
  await expect(page.getByTestId('rule-noise')).toContainText('cảnh báo trong 30 ngày');
  await page.getByTestId('switch-agency').selectOption({ index: 2 });
  await page.getByTestId('switch-why').fill('Quá ồn');
  await page.getByTestId('switch-off').click();
  await expect(page.getByTestId('rule-setting')).toHaveAttribute('data-enabled', 'false');
  await expect(page.getByTestId('rule-off').first()).toHaveText('tắt ở 1 đơn vị');
});

test('users by risk lead to their alerts', async ({ page, mock }) => {
  await signIn(page, mock, '/machines?show=users');
  await page.getByTestId('user-row').first().getByRole('link').click();
  await expect(page).toHaveURL(/\/alerts\?user=/);
  await expect(page.getByTestId('alert-row').first()).toBeVisible();
});
