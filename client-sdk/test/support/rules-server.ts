import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { ConfigFolder } from '../../../test/support/folders.ts';
import { serverForTest, type TestServer } from '../../../test/support/running-server.ts';
import { eventually } from '../../../testkit/until.ts';
import type { Alert } from '../../src/index.ts';

/** Two rules: a move of 3 % is a spike and a gap. The price that returns ends both. */
const RULES = {
  rules: [
    { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%', critical: '5%' },
    { name: 'print', kind: 'gap', symbols: ['*'], warning: '1.5%' },
  ],
};

/** A server with rules, until the end of the test. */
export async function startWithRules(config: ConfigInput = {}): Promise<TestServer> {
  const folder = new ConfigFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  folder.write('rules.json', RULES);
  return serverForTest({ ...config, rules: { file: join(folder.path, 'rules.json') } });
}

export const START = 1_700_000_000_000;

/** Posts prices at times, ms after {@link START}. */
export async function post(
  port: number,
  symbol: string,
  ...ticks: [time: number, price: number][]
): Promise<void> {
  const body = ticks.map(([time, price]) => ({ symbol, price, timestamp: START + time }));
  const response = await fetch(`http://127.0.0.1:${port}/api/prices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
}

/** Jumps up and back: four alerts, two rules' starts and ends. */
export function jump(port: number, symbol: string, time: number): Promise<void> {
  return post(port, symbol, [time, 100], [time + 5, 103], [time + 9, 100]);
}

/** What the server answers for the alerts of a symbol over HTTP, in the SDK's words. */
export async function stored(port: number, symbol: string): Promise<Alert[]> {
  const path = `api/prices/${encodeURIComponent(symbol)}/alerts?limit=1000`;
  const response = await fetch(`http://127.0.0.1:${port}/${path}`);
  // Of a symbol that is not known yet there is no list.
  const { items = [] } = (await response.json()) as { items?: Record<string, unknown>[] };
  return items.map((item) => ({
    ...(item as unknown as Alert),
    time: Date.parse(item.time as string),
    startTime: Date.parse(item.startTime as string),
  }));
}

/** Resolves when the server has raised so many alerts of a symbol. */
export async function raised(port: number, symbol: string, count: number): Promise<void> {
  await eventually(
    () => stored(port, symbol),
    ({ length }) => length === count,
  );
}
