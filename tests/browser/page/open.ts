// The page over the mock collector: each test has its own province.

import { test as base, expect, type Page } from '@playwright/test';
import { start } from '../../../collector/dashboard/mock/server.mjs';

export const PASSWORD = 'matkhau-thu-nghiem';

interface Alert {
  id: string;
  number: number;
  title: { en: string; vi: string };
  [more: string]: unknown;
}

export interface Mock {
  url: string;
  down: boolean;
  world: {
    alerts: Alert[];
    machines: { id: string; hostname: string; state: string }[];
    rules: { id: string }[];
    agencies: { code: string; version: number }[];
  };
  hunts: {
    events: { position: number; raw: string | null }[];
    saved: object[];
    running: Map<string, unknown>;
  };
  raise: (change?: object) => Alert;
  tell: (event: string, data: object) => void;
  cut: () => void;
  stop: () => Promise<void>;
}

export const test = base.extend<{ mock: Mock; complaints: string[]; empty: boolean }>({
  empty: [false, { option: true }],
  mock: async ({ empty }, use) => {
    const mock = (await start({ empty })) as unknown as Mock;
    await use(mock);
    await mock.stop();
  },
  // What the browser itself objects to: refused by policy, or thrown.
  complaints: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
    });
    await use(complaints);
    expect(complaints).toEqual([]);
  },
});

export { expect };

export async function signIn(page: Page, mock: Mock, path = '/', name = 'admin'): Promise<void> {
  await page.goto(mock.url + path);
  await page.getByTestId('login-name').fill(name);
  await page.getByTestId('login-password').fill(PASSWORD);
  await page.getByTestId('login-submit').click();
}

export async function live(page: Page): Promise<void> {
  await expect(page.getByTestId('live-state')).toHaveAttribute('data-state', 'live');
}
