import { expect, live, signIn, test } from './open';

test('the archive says what is kept, what is damaged and when the disk is full', async ({
  page,
  mock,
  complaints,
}) => {
  await signIn(page, mock);
  await page.getByTestId('nav-archive').click();
  await expect(page.getByTestId('archive-agency')).toHaveCount(25);
  await expect(page.getByTestId('archive-full-in')).toHaveText('Đĩa sẽ đầy sau 41 ngày');
  await expect(page.getByTestId('archive-damaged')).toContainText('row group 3');
  await expect(page.getByTestId('archive-rows')).toHaveText(/^\d{3}(\.\d{3}){2}$/);
  expect(complaints).toEqual([]);
});

test('less than the least is refused with the clause, and more is put in force', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/archive');
  const row = page.locator('[data-testid=archive-agency][data-agency="SO-9"]');
  await row.getByTestId('archive-change').click();
  await page.getByTestId('retention-months').fill('3');
  await page.getByTestId('retention-why').fill('Thiếu chỗ');
  await page.getByTestId('retention-submit').click();
  await expect(page.getByTestId('retention-refused')).toContainText('TCVN 14423:2026');
  await page.getByTestId('retention-months').fill('8');
  await page.getByTestId('retention-submit').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(row.getByTestId('archive-months')).toContainText('8 tháng');
});

test('a part is held, and released with a second press', async ({ page, mock }) => {
  await signIn(page, mock, '/archive');
  await expect(page.getByTestId('hold')).toHaveCount(1);
  await page.getByTestId('hold-add').click();
  await page.getByTestId('hold-agency').selectOption('SO-2');
  await page.getByTestId('hold-from').fill('2026-11-10T00:00');
  await page.getByTestId('hold-to').fill('2026-11-09T00:00');
  await page.getByTestId('hold-why').fill('<b>Vụ việc</b> 14/2026');
  await expect(page.getByRole('alert')).toContainText('phải trước');
  await page.getByTestId('hold-to').fill('2026-11-12T00:00');
  await page.getByTestId('hold-submit').click();
  const hold = page.getByTestId('hold').filter({ hasText: '<b>Vụ việc</b> 14/2026' });
  await expect(hold).toContainText('SO-2');
  await hold.getByTestId('hold-end').click();
  await expect(hold).toHaveCount(1);
  await hold.getByTestId('hold-end').click();
  await expect(hold).toHaveCount(0);
});

test('a rule says what it would have found, also when it is asked again', async ({
  page,
  mock,
  complaints,
}) => {
  const rule = mock.world.rules[1];
  await signIn(page, mock, `/rules/${rule?.id}`);
  const says = page.getByTestId('backtest-says');
  await expect(says).toHaveCount(1);
  await expect(says).toContainText('lẽ ra đã khớp 11 lần');
  await expect(page.getByTestId('backtest')).toContainText('Vì luật mới được thêm');
  await page.getByTestId('backtest-range').selectOption('7d');
  await page.getByTestId('backtest-ask').click();
  await expect(page.getByTestId('backtest')).toHaveCount(2);
  await expect(page.getByTestId('backtest').first()).toHaveAttribute('data-state', 'done');
  await page.getByTestId('backtest').first().locator('summary').first().click();
  await expect(page.getByTestId('backtest').first().getByTestId('event').first()).toBeVisible();
  expect(complaints).toEqual([]);
});

test('a draft is tried: its error has a line, and a long one is stopped', async ({
  page,
  mock,
}) => {
  await signIn(page, mock, '/rules');
  await page.getByTestId('rules-draft').click();
  const text = page.getByTestId('draft-text');
  await text.fill('title: slow one\nlogsource:\n\tproduct: linux\n');
  await expect(page.getByTestId('draft-problems')).toContainText('dòng 3', { ignoreCase: true });
  await expect(page.getByTestId('backtest-ask')).toBeDisabled();
  await page.getByTestId('draft-problems').getByRole('button').click();
  await expect(text).toBeFocused();
  await text.fill('title: slow one\ndetection:\n  a:\n    b: c\n  condition: a\n');
  await expect(page.getByTestId('draft-problems')).toHaveCount(0);
  await page.getByTestId('backtest-ask').click();
  await expect(page.getByTestId('backtest')).toHaveAttribute('data-state', 'running');
  await page.getByTestId('backtest-stop').click();
  await expect(page.getByTestId('backtest')).toHaveAttribute('data-state', 'stopped');
  await page.getByTestId('backtest-forget').click();
  await expect(page.getByTestId('backtest')).toHaveCount(0);
  await page.getByTestId('nav-alerts').click();
  await page.getByTestId('nav-rules').click();
  await page.getByTestId('rules-draft').click();
  await expect(text).toHaveValue(/^title: slow one/);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 } });

  test('hunts and the archive are not wider than the screen', async ({ page, mock }) => {
    await signIn(page, mock);
    const position = mock.hunts.events[5]?.position;
    for (const path of [
      '/hunt',
      '/hunt?q=failed&range=7d',
      `/hunt?q=failed&range=7d&event=${position}`,
      '/archive',
      '/rules/draft',
    ]) {
      await page.goto(mock.url + path);
      await live(page);
      if (path.includes('q=failed')) await expect(page.getByTestId('hunt-count')).toBeVisible();
      if (path === '/archive')
        await expect(page.getByTestId('archive-agency').first()).toBeVisible();
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth),
        path,
      ).toBeLessThanOrEqual(390);
    }
  });
});

test.describe('with nothing yet', () => {
  test.use({ empty: true });

  test('hunt and archive say what to do first', async ({ page, mock }) => {
    await signIn(page, mock, '/archive');
    await expect(page.getByText('Kho chưa có gì')).toBeVisible();
    await expect(page.getByTestId('archive-full-in')).toHaveText('Chưa rõ khi nào đĩa đầy');
    await page.goto(`${mock.url}/hunt?q=failed`);
    await expect(page.getByTestId('hunt-none')).toBeVisible();
  });
});
