import { expect, signIn, test } from './open';

const rows = '[data-testid=hunt-row]';

test('a search is answered, told as SQL, and stands whole in the address', async ({
  page,
  mock,
  complaints,
}) => {
  await signIn(page, mock, '/hunt');
  await expect(page.getByTestId('hunt-start')).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByTestId('hunt-query')).toBeFocused();
  await page.keyboard.type('user.name:root AND "failed password"');
  await page.keyboard.press('Enter');
  await expect(page.locator(rows).first()).toContainText('Failed password for root');
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'done');
  await expect(page).toHaveURL(/\/hunt\?q=user\.name/);
  await page.getByTestId('hunt-shows-sql').click();
  await expect(page.getByTestId('hunt-as-sql')).toContainText(
    `WHERE (has_word("user.name", 'root') AND has_word('failed password'))`,
  );
  const count = await page.getByTestId('hunt-count').textContent();
  await page.goto(page.url());
  await expect(page.getByTestId('hunt-query')).toHaveValue('user.name:root AND "failed password"');
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'done');
  expect(await page.getByTestId('hunt-count').textContent()).toBe(count);
  expect(complaints).toEqual([]);
});

test('a search goes on as SQL, which is run with Ctrl+Enter', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  await expect(page.locator(rows).first()).toBeVisible();
  await page.getByTestId('hunt-sql').click();
  await expect(page.getByTestId('hunt-query')).toHaveValue(/^SELECT time, host, kind/);
  await page
    .getByTestId('hunt-query')
    .fill('SELECT "source.ip", count(*) AS events FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 7');
  await page.keyboard.press('Control+Enter');
  await expect(page.locator(rows)).toHaveCount(7);
  await expect(page).toHaveURL(/lang=sql/);
  // A row that is no event is shown in full, too.
  await page.locator(rows).nth(2).click();
  await expect(page.getByTestId('hunt-event')).toContainText('events');
});

test('what is wrong with a query is underlined and said', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt');
  await page.getByTestId('hunt-query').fill('user.name:root AND (failed OR x');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('hunt-wrong')).toContainText('Truy vấn chưa đúng');
  await expect(page.getByTestId('hunt-place')).toHaveText('(');
  await page.getByTestId('hunt-query').fill('user.name:root');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('hunt-wrong')).toHaveCount(0);
  await expect(page.locator(rows).first()).toBeVisible();
});

test('a hunt that takes long shows how far it is, and is stopped', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=slow+OR+failed&range=7d');
  await expect(page.getByTestId('hunt-progress')).toBeVisible();
  await expect(page.locator(rows).first()).toBeVisible();
  expect(mock.hunts.running.size).toBe(1);
  await page.getByTestId('hunt-stop').click();
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'stopped');
  await expect(page.getByTestId('hunt-status')).toContainText('kết quả chưa đủ');
  await expect.poll(() => mock.hunts.running.size).toBe(0);
  await expect(page.locator(rows).first()).toBeVisible();
});

test('a hunt that is ended for its greed says so and keeps what came', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=out_of_memory+OR+failed&range=7d');
  await expect(page.getByTestId('hunt-wrong')).toContainText('256 MiB');
  await expect(page.getByTestId('hunt-status')).toContainText('kết quả chưa đủ');
  await expect(page.locator(rows).first()).toBeVisible();
});

test('an answer says how complete it is', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=*&range=30d');
  await expect(page.getByTestId('hunt-cut')).toContainText('1.000');
  await expect(page.getByTestId('hunt-completeness')).toContainText('Thiếu 1 tệp');
  await page.getByTestId('hunt-completeness').click();
  await expect(page.getByText('the checksum of row group 3 differs')).toBeVisible();
  await expect(page.getByText('1.204')).toBeVisible();
  await page.getByTestId('hunt-more').click();
  await expect(page).toHaveURL(/limit=10000/);
  await expect(page.getByTestId('hunt-cut')).toHaveCount(0);
  // However many there are, only those in sight are drawn.
  await expect(page.locator(rows).first()).toBeVisible();
  expect(await page.locator(rows).count()).toBeLessThan(60);
});

test('dragging over the histogram narrows the range', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  const chart = page.getByTestId('hunt-histogram').locator('svg[role=img]');
  await expect(chart).toBeVisible();
  const box = await chart.boundingBox();
  if (!box) throw new Error('no chart');
  await page.mouse.move(box.x + 300, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.*to=/);
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'done');
  await page.goBack();
  await expect(page).toHaveURL(/range=7d/);
});

test('fields tell their share and values, which filter', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  await page.locator('[data-testid=hunt-field][data-field="source.ip"]').click();
  const values = page.getByTestId('top-values');
  await expect(values).toContainText('203.0.113.1');
  await values.getByRole('link', { name: 'Loại giá trị này' }).first().click();
  await expect(page.getByTestId('hunt-query')).toHaveValue(
    'failed AND NOT source.ip:=203.0.113.1',
  );
  await expect(values.locator('.name', { hasText: /^203\.0\.113\.1$/ })).toHaveCount(0);
});

test('rows are walked through by keyboard, each event in full', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  await expect(page.locator(rows).nth(3)).toBeVisible();
  const positions = await Promise.all(
    [0, 1].map((at) => page.locator(rows).nth(at).getAttribute('data-position')),
  );
  await page.getByTestId('hunt-query').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const panel = page.getByTestId('hunt-event');
  await expect(panel).toHaveAttribute('data-position', positions[0] ?? '');
  await page.keyboard.press('ArrowDown');
  await expect(panel).toHaveAttribute('data-position', positions[1] ?? '');
  await expect(page).toHaveURL(new RegExp(`event=${positions[1]}`));
  await expect(panel.getByText('received', { exact: false }).or(panel.locator('pre'))).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel).toHaveCount(0);
});

test('any value leads on: wanted, left out, alone, to alerts', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d&cols=time,user.name,text');
  const cell = page.locator(rows).first().locator('td').nth(1);
  await expect(cell).toBeVisible();
  const user = (await cell.textContent())?.trim() ?? '';
  await cell.locator('.cell').click({ button: 'right' });
  await expect(page.getByTestId('pivot-alerts')).toHaveAttribute(
    'href',
    new RegExp(`/alerts\\?q=${user}`),
  );
  await page.getByTestId('pivot-out').click();
  await expect(page.getByTestId('point-menu')).toHaveCount(0);
  await expect(page.getByTestId('hunt-query')).toHaveValue(`failed AND NOT user.name:=${user}`);
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'done');
  await page.locator(rows).first().click();
  const panel = page.getByTestId('hunt-event');
  await panel.locator('tr', { hasText: 'source.ip' }).getByTestId('pivot').click();
  await page.getByTestId('pivot-hunt').click();
  await expect(page.getByTestId('hunt-query')).toHaveValue(/^source\.ip:=203\.0\.113\.\d+$/);
});

test('columns are chosen and put in order', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  await expect(page.locator(rows).first()).toBeVisible();
  await page.getByTestId('hunt-columns').click();
  await page.getByPlaceholder('Thêm cột').fill('source.ip');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/cols=time,host,kind,text,source\.ip/);
  await expect(page.getByRole('columnheader', { name: 'source.ip' })).toBeVisible();
  await page
    .locator('[data-testid=hunt-column][data-column=kind]')
    .getByRole('button', { name: 'Bỏ cột' })
    .click();
  await page
    .locator('[data-testid=hunt-column][data-column="source.ip"]')
    .getByRole('button', { name: 'Đưa lên trước' })
    .click();
  await expect(page).toHaveURL(/cols=time,host,source\.ip,text/);
});

test('a hunt is saved with a schedule, run again and deleted', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=failed&range=7d');
  await expect(page.locator(rows).first()).toBeVisible();
  await page.getByTestId('hunt-saved').click();
  await page.getByTestId('hunt-save').click();
  await page.getByTestId('save-name').fill('Đăng nhập sai');
  await page.getByTestId('save-scheduled').check();
  await page.getByTestId('save-level').selectOption('high');
  await page.getByTestId('save-submit').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect(mock.hunts.saved.at(-1)).toMatchObject({
    name: 'Đăng nhập sai',
    query: 'failed',
    range_s: 604_800,
    schedule: { every_s: 3600, level: 'high', title: 'Đăng nhập sai' },
  });
  await page.goto(`${mock.url}/hunt`);
  await page.getByTestId('hunt-saved').click();
  const saved = page.getByTestId('saved-hunt').filter({ hasText: 'Đăng nhập sai' });
  await saved.getByRole('link').click();
  await expect(page).toHaveURL(/q=failed.*range=7d/);
  await expect(page.locator(rows).first()).toBeVisible();
  await page.getByTestId('hunt-saved').click();
  await saved.getByTestId('hunt-remove').click();
  await saved.getByTestId('hunt-remove').click();
  await expect(saved).toHaveCount(0);
  await expect(page.getByTestId('recent-hunt').first()).toHaveText('failed');
});

test('an answer is downloaded whole', async ({ page, mock }) => {
  await signIn(page, mock, '/hunt?q=*&range=24h');
  await expect(page.locator(rows).first()).toBeVisible();
  await page.getByTestId('hunt-download').click();
  const waits = page.waitForEvent('download');
  await page.getByTestId('download-csv').click();
  const download = await waits;
  expect(download.suggestedFilename()).toBe('hunt.csv');
  expect(await download.failure()).toBeNull();
});

test('what an attacker wrote into a log is text here, too', async ({ page, mock, complaints }) => {
  const hostile = mock.hunts.events.find((event) => event.raw?.startsWith('<img'));
  await signIn(page, mock, `/hunt?q=*&range=24h&event=${hostile?.position}`);
  await expect(page.getByTestId('hunt-event').locator('pre')).toHaveText(
    '<img src=x onerror=alert(1)> U+202Egpj.exeU+202C ESC [2J =cmd|calc',
  );
  await expect(page.locator(rows).first()).toBeVisible();
  expect(await page.locator('main img, main b:text-is("sshd")').count()).toBe(0);
  expect(complaints).toEqual([]);
});

test('machine and alert lead to what else was told', async ({ page, mock }) => {
  const alert = mock.world.alerts.find((one) => !String(one['machine']).includes('<'));
  const machine = mock.world.machines.find((one) => one.hostname.startsWith('mc-'));
  await signIn(page, mock, `/machines/${machine?.id}?tab=events`);
  await page.getByTestId('machine-hunt').click();
  await expect(page).toHaveURL(/\/hunt\?q=host/);
  await expect(page.getByTestId('hunt-query')).toHaveValue(`host:=${machine?.hostname}`);
  await page.goto(`${mock.url}/alerts/${alert?.id}`);
  await page.getByTestId('alert-around-look').click();
  const around = page.getByTestId('alert-around');
  await expect(around.getByTestId('hunt-row').first()).toBeVisible();
  await around.getByTestId('hunt-row').first().click();
  await expect(page).toHaveURL(/\/hunt\?.*event=\d+/);
  await expect(page.getByTestId('hunt-event')).toBeVisible();
});

test('whoever may only hunt sees nothing else', async ({ page, mock, complaints }) => {
  await signIn(page, mock, '/', 'phantich');
  await expect(page).toHaveURL(/\/hunt/);
  await expect(page.getByTestId('hunt-start')).toBeVisible();
  await expect(page.getByTestId('nav-hunt')).toBeVisible();
  for (const place of ['overview', 'alerts', 'machines', 'rules', 'archive', 'audit'])
    await expect(page.getByTestId(`nav-${place}`)).toHaveCount(0);
  await expect(page.getByTestId('live-state')).toHaveCount(0);
  await page.getByTestId('hunt-query').fill('failed');
  await page.keyboard.press('Enter');
  await page.locator(rows).first().locator('.cell').first().click({ button: 'right' });
  await expect(page.getByTestId('pivot-hunt')).toBeVisible();
  await expect(page.getByTestId('pivot-alerts')).toHaveCount(0);
  await page.keyboard.press('Escape');
  // One event in full comes from a hunt here: nothing else may be read.
  await page.locator(rows).first().click();
  await expect(page.getByTestId('hunt-event').locator('pre')).toContainText('Failed password');
  await expect(page.getByTestId('hunt-event')).toContainText('source.ip');
  await page.goto(`${mock.url}/machines`);
  await expect(page.getByRole('alert')).toContainText('không có quyền');
  expect(complaints).toEqual([]);
});

test('a hunt that waits for its turn says so, and what is to be known of a question is told', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/hunt?q=waits');
  await expect(page.getByTestId('hunt-waiting')).toContainText('còn 2 truy vết');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('hunt-status')).toHaveAttribute('data-state', 'stopped');
  await page.getByTestId('hunt-query').fill('failed OR seldom');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('hunt-notes')).toContainText('in no column');
});
