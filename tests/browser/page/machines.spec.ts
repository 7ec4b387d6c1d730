import { expect, live, signIn, test } from './open';

test('the figures of the overview lead to the lists behind them', async ({
  page,
  mock,
  complaints,
}) => {
  await signIn(page, mock);
  await expect(page.getByTestId('coverage-bar').locator('[data-part=unknown]')).toBeVisible();
  const silent = mock.world.machines.filter((machine) => machine.state === 'silent').length;
  await expect(page.getByTestId('count-silent')).toContainText(String(silent));
  await page.getByTestId('count-silent').click();
  await expect(page).toHaveURL(/\/machines\?state=silent/);
  await expect(page.getByTestId('list-total')).toHaveText(String(silent));
  expect(complaints).toEqual([]);
});

test('the figures of the overview follow by themselves', async ({ page, mock }) => {
  await signIn(page, mock);
  await live(page);
  const made = mock.raise();
  await expect(page.locator(`[data-testid=newest-alert][data-alert-id="${made.id}"]`)).toBeVisible({
    timeout: 1000,
  });
  const machine = mock.world.machines.find((one) => one.state === 'online');
  const online = Number((await page.getByTestId('count-online').textContent())?.match(/\d+/)?.[0]);
  if (machine) machine.state = 'silent';
  mock.tell('machine', { topic: 'machine', id: machine?.id, agency: 1 });
  await expect(page.getByTestId('count-online')).toContainText(String(online - 1));
});

test('dragging over the chart chooses a range of time', async ({ page, mock }) => {
  await signIn(page, mock);
  const box = await page.getByTestId('timeline').locator('svg[role=img]').boundingBox();
  if (!box) throw new Error('no chart');
  await page.mouse.move(box.x + 300, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=.*to=/);
  await page.getByTestId('timeline').getByRole('button', { name: 'Xem dạng bảng' }).click();
  await expect(page.getByTestId('timeline').getByRole('table')).toBeVisible();
});

test('one machine shows antivirus, ports with history, charts, alerts, events and inventory', async ({
  page,
  mock,
  complaints,
}) => {
  const machine = mock.world.machines.find((one) => one.hostname.startsWith('mc-'));
  await signIn(page, mock, `/machines/${machine?.id}`);
  await expect(page.getByTestId('machine-antivirus')).toBeVisible();
  await expect(page.locator('[data-testid=port-row][data-open=true]')).toHaveCount(8);
  await expect(page.locator('[data-testid=port-row][data-open=false]')).toHaveCount(2);
  await expect(page.getByTestId('heartbeat-charts').locator('svg')).toHaveCount(6);
  await page.getByTestId('tab-events').click();
  await expect(page.getByTestId('event').first()).toBeVisible();
  const before = await page.getByTestId('event').count();
  await page.getByRole('button', { name: 'Xem sự kiện cũ hơn' }).click();
  await expect.poll(() => page.getByTestId('event').count()).toBeGreaterThan(before);
  await page.getByTestId('event-kind').selectOption('port.opened');
  await expect(page.getByTestId('event').first()).toContainText('Mở cổng');
  await page.getByTestId('tab-inventory').click();
  await expect(page.getByText('host.os.kernel')).toBeVisible();
  expect(complaints).toEqual([]);
});

test('a token is made and the command to copy is shown', async ({ page, mock }) => {
  await signIn(page, mock, '/machines');
  await page.getByTestId('add-machine').click();
  await page.getByTestId('enrol-submit').click();
  await expect(page.getByTestId('enrol-command')).toContainText('soc-agent enrol --collector');
});

test('a lost connection is said, mends itself, and everything is read again', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/alerts');
  await live(page);
  mock.down = true;
  mock.cut();
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'lost');
  const made = mock.raise();
  mock.down = false;
  await live(page);
  await expect(page.locator(`[data-alert-id="${made.id}"]`)).toBeVisible();
});

test('a browser that lagged behind reads everything again', async ({ page, mock }) => {
  await signIn(page, mock, '/alerts');
  await live(page);
  const [first] = mock.world.alerts;
  mock.world.alerts.unshift({
    ...(first as (typeof mock.world.alerts)[0]),
    id: 'f'.repeat(32),
    last_at: new Date().toISOString(),
  });
  mock.tell('lagged', {});
  await expect(page.locator(`[data-alert-id="${'f'.repeat(32)}"]`)).toBeVisible();
});

test('the list of rules says which files do not work, and where', async ({ page, mock }) => {
  await signIn(page, mock, '/rules');
  await expect(page.getByTestId('rule-problem').first()).toContainText(
    'rules/tinh/dang-nhap-la.yml:14:5',
  );
  await page.getByTestId('rule-row').first().click();
  await expect(page.getByTestId('rule-detail')).toContainText('detection:');
});

test('the list of rules says what each costs, and a parked one can be asked again', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/rules?sort=-cost');
  const costs = page.locator('[data-testid="rule-row"] [title*="bộ thu khởi động"]');
  await expect(costs.nth(2)).toBeVisible();
  const shares = (await costs.allTextContents()).map((text) =>
    Number.parseFloat(text.replace(',', '.')),
  );
  expect(shares).toEqual([...shares].sort((a, b) => b - a));
  await expect(page.getByTestId('rules-parked')).toContainText('1');
  await page.getByTestId('rules-parked').getByRole('button').click();
  await expect(page.getByTestId('rule-row')).toHaveCount(1);
  await page.getByTestId('rule-row').click();
  await page.getByTestId('rule-unpark').click();
  await expect(page.getByTestId('rule-parking')).toHaveCount(0);
  await page.getByTestId('rules-parked').getByRole('button').click();
  await expect(page.getByTestId('rules-parked')).toHaveCount(0);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('nothing is wider than the screen', async ({ page, mock }) => {
    const machine = mock.world.machines[0];
    await signIn(page, mock);
    for (const path of [
      '/',
      '/alerts',
      `/alerts/${mock.world.alerts[0]?.id}`,
      '/machines',
      `/machines/${machine?.id}`,
      '/rules',
    ]) {
      await page.goto(mock.url + path);
      await live(page);
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth),
        path,
      ).toBeLessThanOrEqual(390);
    }
  });
});

test('the audit says who did what', async ({ page, mock, complaints }) => {
  await signIn(page, mock);
  await page.getByTestId('nav-audit').click();
  await expect(page.getByTestId('audit-row').first()).toContainText('Đăng nhập sai');
  await expect(page.locator('[data-testid=audit-row][data-action="alert closed"]').first()).toContainText(
    'tructiep1',
  );
  expect(complaints).toEqual([]);
});
