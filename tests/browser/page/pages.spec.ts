import { expect, live, signIn, test } from './open';

test('the overview says what differs from yesterday, and every figure leads to its list', async ({
  page,
  mock,
}) => {
  await signIn(page, mock);
  await expect(page.getByTestId('delta').first()).toBeVisible();
  const figure = page.getByTestId('change-silent');
  const count = await figure.locator('b').textContent();
  await figure.click();
  await expect(page).toHaveURL(/\/machines\?changed=silent&since=/);
  await expect(page.getByTestId('list-total')).toHaveText(count ?? '');
  await expect(page.getByTestId('silence').first()).not.toBeEmpty();
});

test('trends have a table, in which a day nobody measured is a gap', async ({ page, mock }) => {
  await signIn(page, mock, '/?days=30');
  const trend = page.getByTestId('trend');
  await expect(trend.getByRole('img')).toHaveCount(3);
  await trend.getByRole('button', { name: 'Xem dạng bảng' }).first().click();
  await expect(trend.getByRole('row')).toHaveCount(31);
  await expect(trend.getByText('Không có số liệu')).toHaveCount(3);
});

test('the coverage of agencies leads to their machines and can be saved', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/antivirus');
  const weak = page.locator('[data-testid=matrix-row] a[href*="antivirus=weak"]').first();
  const count = await weak.textContent();
  const download = page.waitForEvent('download');
  await page.getByTestId('matrix-export').click();
  expect((await download).suggestedFilename()).toMatch(/^antivirus-.*\.csv$/);
  await weak.click();
  await expect(page).toHaveURL(/\/machines\?agency=\d+&antivirus=weak/);
  await expect(page.getByTestId('list-total')).toHaveText(count?.trim() ?? '');
});

test('ports of all machines are approved for an agency, and for machines that are chosen', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/ports?scope=lan,any');
  const rows = page.getByTestId('fleet-port');
  await expect(rows.first()).toBeVisible();
  const total = await rows.count();
  await rows.first().getByRole('checkbox').check();
  await page.getByTestId('ports-approve').click();
  await page.getByTestId('approve-note').fill('Dịch vụ chuẩn');
  await page.getByTestId('approve-confirm').click();
  await expect(rows.first()).toContainText('Đã duyệt');
  await page.getByTestId('ports-approved').selectOption('lacking');
  await expect(page).toHaveURL(/approved=lacking/);
  await expect(rows).toHaveCount(total - 1);

  await rows.first().click();
  const panel = page.getByTestId('port-panel');
  await expect(panel.getByTestId('port-machine').first()).toBeVisible();
  await panel.getByTestId('port-machine').first().getByRole('checkbox').check();
  await panel.getByTestId('approve-machines').click();
  await page.getByTestId('approve-confirm').click();
  await expect(panel.getByTestId('port-machine').first()).toContainText('Đã duyệt');
  await page.keyboard.press('Escape');
  await expect(panel).toHaveCount(0);
});

test('anomalies are called normal together, and taken back', async ({ page, mock, complaints }) => {
  await signIn(page, mock, '/anomalies');
  const rows = page.getByTestId('anomaly');
  await expect(rows.first()).toBeVisible();
  await rows.nth(0).getByRole('checkbox').check();
  await rows.nth(1).getByRole('checkbox').check();
  await page.getByTestId('call-normal').click();
  await page.getByTestId('normal-comment').fill('Sao lưu hằng đêm');
  await page.getByTestId('normal-confirm').click();
  await expect(rows.nth(0)).toContainText('Bình thường');
  await page.getByTestId('tab-normal').click();
  await expect(page.getByTestId('normal-row')).toHaveCount(2);
  await page.getByTestId('take-back').first().click();
  await expect(page.getByTestId('normal-row')).toHaveCount(1);
  expect(complaints).toEqual([]);
});

test('filters are saved under a name and opened again', async ({ page, mock }) => {
  await signIn(page, mock, '/machines?state=silent&sort=-disk');
  await page.getByTestId('saved-views').click();
  await page.getByTestId('save-view').click();
  await page.getByTestId('view-name').fill('Máy im lặng');
  await page.getByTestId('view-save').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.getByTestId('nav-ports').click();
  await page.getByTestId('saved-views').click();
  await expect(page.getByTestId('saved-view')).toHaveCount(0);
  await page.getByTestId('nav-machines').click();
  await page.getByTestId('saved-views').click();
  await page.getByTestId('saved-view').click();
  await expect(page).toHaveURL(/\/machines\?state=silent&sort=-disk$/);
});

test('the wall turns by itself, shows what is new at once, and says when its data is old', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/wall?turn=5');
  const wall = page.getByTestId('wall');
  const critical = page.getByTestId('wall-critical').locator('b');
  await expect(critical).toBeVisible();
  const before = Number(await critical.textContent());
  await expect(wall).not.toHaveAttribute('data-screen', '1');
  mock.raise({ level: 'critical' });
  await expect(wall).toHaveAttribute('data-screen', '1');
  await expect(critical).toHaveText(String(before + 1));
  mock.down = true;
  mock.cut();
  await expect(page.getByTestId('wall-old')).toBeVisible();
  mock.down = false;
  await expect(page.getByTestId('wall-old')).toHaveCount(0, { timeout: 40_000 });
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/$/);
});

test('keys of a page are shown, and rows are walked through with them', async ({ page, mock }) => {
  await signIn(page, mock, '/ports');
  await expect(page.getByTestId('fleet-port').first()).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('Dòng kế tiếp');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('port-panel')).toBeVisible();
});

test('whoever only looks on has the wall, and nothing to change', async ({ page, mock }) => {
  await signIn(page, mock, '/ports', 'xem');
  await expect(page.getByTestId('fleet-port').first()).toBeVisible();
  await expect(page.getByTestId('fleet-port').first().getByRole('checkbox')).toHaveCount(0);
  for (const place of ['hunt', 'start', 'audit', 'users', 'configuration'])
    await expect(page.getByTestId(`nav-${place}`)).toHaveCount(0);
  await page.getByTestId('nav-wall').click();
  await expect(page.getByTestId('wall-critical')).toBeVisible();
});

test('users and what is one\'s own have their places', async ({ page, mock }) => {
  await signIn(page, mock);
  await page.getByTestId('nav-users').click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Người dùng');
  await page.getByTestId('person').click();
  await page.getByTestId('nav-account').click();
  await expect(page).toHaveURL(/\/account$/);
});

test('a page is fetched only when it is wanted', async ({ page, mock }) => {
  const fetched: string[] = [];
  page.on('response', (response) => {
    if (/assets\/(.*Page|Rules)-.*\.js$/.test(response.url())) fetched.push(response.url());
  });
  await signIn(page, mock);
  await live(page);
  expect(fetched.filter((url) => !/OverviewPage/.test(url))).toEqual([]);
  await page.getByTestId('nav-rules').click();
  await expect(page.getByTestId('rule-row').first()).toBeVisible();
  expect(fetched.some((url) => /Rules-/.test(url))).toBe(true);
});

test('on paper a list has all its rows and none of the frame', async ({ page, mock }) => {
  await signIn(page, mock, '/machines');
  await expect(page.getByTestId('machine-row').first()).toBeVisible();
  const drawn = await page.getByTestId('machine-row').count();
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  await expect.poll(() => page.getByTestId('machine-row').count()).toBeGreaterThan(drawn);
  await expect(page.getByTestId('nav-machines')).toBeHidden();
});

test.describe('an empty collector', () => {
  test.use({ empty: true });

  test('leads through the first hour, with a command to copy and its QR code', async ({
    page,
    mock,
    complaints,
  }) => {
    await signIn(page, mock, '/start');
    await expect(page.getByTestId('step-machines')).toHaveAttribute('data-done', 'false');
    const form = page.getByTestId('step-tokens');
    await form.getByRole('textbox').nth(0).fill('SO-TTTT');
    await form.getByRole('textbox').nth(1).fill('Sở Thông tin và Truyền thông');
    await page.getByTestId('enrol-submit').click();
    await expect(page.getByTestId('enrol-command')).toContainText('soc-agent enrol');
  await expect(page.getByRole('img', { name: /mã QR/ })).toBeVisible();
    for (const path of ['/antivirus', '/ports', '/anomalies', '/wall']) {
      await page.goto(mock.url + path);
      await expect(page.locator('main')).not.toBeEmpty();
      await expect(page.getByRole('alert')).toHaveCount(0);
    }
    expect(complaints).toEqual([]);
  });
});
