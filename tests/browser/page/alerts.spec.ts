import { expect, live, signIn, test } from './open';

const QUEUE = '/alerts?state=open,acknowledged';

test('a new alert appears without reload', async ({ page, mock, complaints }) => {
  await signIn(page, mock, QUEUE);
  await live(page);
  await expect(page.getByTestId('alert-row').first()).toBeVisible();
  const made = mock.raise();
  const row = page.locator(`[data-testid=alert-row][data-alert-id="${made.id}"]`);
  await expect(row).toBeVisible();
  expect(complaints).toEqual([]);
});

test('an alert is acknowledged, commented and closed in its panel', async ({ page, mock }) => {
  const made = mock.raise({ level: 'critical' });
  await signIn(page, mock, QUEUE);
  await page.locator(`[data-testid=alert-row][data-alert-id="${made.id}"]`).click();
  await expect(page).toHaveURL(new RegExp(`/alerts/${made.id}\\?state=open,acknowledged`));
  await expect(page.getByTestId('alert-detail')).toContainText(made.title.vi);
  await page.getByTestId('alert-acknowledge').click();
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'acknowledged');
  await page.getByTestId('alert-comment').fill('Máy thử nghiệm');
  await page.getByTestId('alert-close').click();
  await expect(page.getByTestId('close-submit')).toBeDisabled();
  await page.getByTestId('close-false_positive').check();
  await page.getByTestId('close-submit').click();
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'closed');
  await expect(page.getByTestId('alert-history')).toContainText('Máy thử nghiệm');
  await expect(page.getByTestId('alert-reopen')).toBeVisible();
});

test('the queue is worked through by keyboard alone', async ({ page, mock }) => {
  await signIn(page, mock, '/alerts?state=open');
  const rows = page.getByTestId('alert-row');
  await expect(rows.first()).toBeVisible();
  const second = await rows.nth(1).getAttribute('data-alert-id');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('alert-detail')).toHaveAttribute('data-alert-id', second ?? '');
  await page.keyboard.press('a');
  await expect(page.getByTestId('alert-state')).toHaveAttribute('data-state', 'acknowledged');
  await page.keyboard.press('e');
  await expect(page.getByTestId('close-submit')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('alert-detail')).toHaveCount(0);
  await expect(page).toHaveURL(/\/alerts\?state=open$/);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('Phím tắt');
});

test('several alerts are closed together', async ({ page, mock }) => {
  await signIn(page, mock, '/alerts?state=open&sort=-last_at');
  const boxes = page.getByTestId('alert-row').getByRole('checkbox');
  const ids: (string | null)[] = [];
  for (const index of [0, 1, 2]) {
    await boxes.nth(index).check();
    ids.push(await page.getByTestId('alert-row').nth(index).getAttribute('data-alert-id'));
  }
  await page.getByTestId('bulk-close').click();
  await page.getByTestId('close-benign').check();
  await page.getByTestId('close-comment').fill('Diễn tập');
  await page.getByTestId('close-submit').click();
  await expect(page.getByTestId('bulk-close')).toHaveCount(0);
  for (const id of ids) {
    expect(mock.world.alerts.find((alert) => alert.id === id)?.['state']).toBe('closed');
  }
});

test('filters live in the address and rows are drawn only where they are seen', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/alerts');
  const total = Number((await page.getByTestId('list-total').textContent())?.replace(/\D/g, ''));
  expect(total).toBeGreaterThan(1000);
  expect(await page.getByTestId('alert-row').count()).toBeLessThan(60);
  await page.getByRole('button', { name: 'Mức độ' }).first().click();
  await page.getByLabel('Nghiêm trọng').check();
  await expect(page).toHaveURL(/level=critical/);
  await expect
    .poll(async () =>
      Number((await page.getByTestId('list-total').textContent())?.replace(/\D/g, '')),
    )
    .toBeLessThan(total);
});

test('scrolling reads on to the last row, and rows that arrive do not move it', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/alerts');
  await live(page);
  const table = page.getByRole('table', { name: 'Cảnh báo' });
  const scroller = table.locator('xpath=..');
  const last = [...mock.world.alerts].sort((a, b) =>
    String(a['last_at']).localeCompare(String(b['last_at'])),
  )[0];
  await expect
    .poll(
      async () => {
        await scroller.evaluate((element) => element.scrollTo(0, element.scrollHeight));
        return page.locator(`[data-alert-id="${last?.id}"]`).count();
      },
      { intervals: [100], timeout: 15_000 },
    )
    .toBe(1);
  const row = page.getByTestId('alert-row').nth(12);
  const id = await row.getAttribute('data-alert-id');
  await scroller.evaluate((element) => element.scrollBy(0, -2000));
  const seen = page.locator('[data-testid=alert-row]').nth(12);
  // The rows are drawn again a frame after the scroll.
  await expect(seen).not.toHaveAttribute('data-alert-id', id ?? '');
  const seenId = await seen.getAttribute('data-alert-id');
  const before = await seen.boundingBox();
  const total = await page.getByTestId('list-total').textContent();
  mock.raise();
  await expect(page.getByTestId('list-total')).not.toHaveText(total ?? '');
  await expect
    .poll(async () => (await page.locator(`[data-alert-id="${seenId}"]`).boundingBox())?.y)
    .toBe(before?.y);
});

test('what was written by an attacker is text', async ({ page, mock, complaints }) => {
  const made = mock.raise({
    title: { en: 'x', vi: '<img src=x onerror=alert(1)>\u202Egpj.exe' },
    machine: { id: mock.world.machines[3]?.id, hostname: '<b>pc</b>\u0000\u001b[2J' },
  });
  await signIn(page, mock, `/alerts/${made.id}`);
  const detail = page.getByTestId('alert-detail');
  await expect(detail.getByRole('heading', { level: 1 })).toHaveText(
    '<img src=x onerror=alert(1)>U+202Egpj.exe',
  );
  await expect(detail.getByTestId('alert-machine')).toHaveText('<b>pc</b>NULESC [2J');
  expect(await page.locator('img, b:text-is("pc")').count()).toBe(0);
  expect(complaints).toEqual([]);
});

test('a row says whom its alert concerns, and what was done last stands by the buttons', async ({
  page,
  mock,
}) => {
  const made = mock.raise({
    group: { 'network.transport': 'tcp', 'server.port': 40123 },
    correlation: {
      count: 6,
      first_at: '2026-11-22T03:00:00Z',
      last_at: '2026-11-22T03:00:30Z',
    },
  });
  await signIn(page, mock, QUEUE);
  const row = page.locator(`[data-testid=alert-row][data-alert-id="${made.id}"]`);
  await expect(row).toContainText('server.port 40123');
  await row.click();
  await expect(page.getByTestId('alert-predicates')).toContainText('6 sự kiện trong 30 giây');
  await page.getByTestId('alert-acknowledge').click();
  await expect(page.getByTestId('alert-last-action')).toContainText('Tiếp nhận · admin');
  await expect(page.getByTestId('alert-last-action')).toBeInViewport();
});

test('the keyboard goes on where an alert that was handled has left the queue', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/alerts?state=open');
  const rows = page.getByTestId('alert-row');
  await expect(rows.nth(4)).toBeVisible();
  const ids = await Promise.all([3, 4].map((at) => rows.nth(at).getAttribute('data-alert-id')));
  await rows.nth(3).click();
  await page.keyboard.press('a');
  await expect(page.locator(`[data-testid=alert-row][data-alert-id="${ids[0]}"]`)).toHaveCount(0);
  await page.keyboard.press('j');
  await expect(page.getByTestId('alert-detail')).toHaveAttribute('data-alert-id', ids[1] ?? '');
});
