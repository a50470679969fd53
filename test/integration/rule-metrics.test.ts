import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { startTestServer } from '../support/running-server.ts';
import { subscriberForTest } from '../support/test-clients.ts';

const COOLED = { ...FLASH, episode: { ...FLASH.episode, cooldownMs: 60_000 } };
const OWN = { name: 'own', kind: 'module', symbols: ['SPY'], module: './own.mjs', warning: '3' };

/** The samples of rules, without the common prefix. */
async function samples(port: number): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const found = (await response.text()).matchAll(/^tickwire_((?:rules?|alerts)_\S+) (\S+)$/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
}

it('the metrics of rules move with what rules do', async () => {
  const folder = folderForTest();
  const write = (...rules: object[]) =>
    writeFileSync(join(folder, 'rules.json'), JSON.stringify({ rules }));
  write(COOLED, OWN);
  writeFileSync(
    join(folder, 'own.mjs'),
    'export default { state: 0, onTick() { throw new Error("no"); } };',
  );
  const server = await startTestServer({ rules: { file: join(folder, 'rules.json') } });
  const { port } = server;
  expect(await samples(port)).toEqual({
    alerts_sent_total: 0,
    'rule_started_total{rule="flash"}': 0,
    'rule_open{rule="flash"}': 0,
    'rule_suppressed_total{rule="flash"}': 0,
    'rule_errors_total{rule="flash"}': 0,
    'rule_started_total{rule="own"}': 0,
    'rule_open{rule="own"}': 0,
    'rule_suppressed_total{rule="own"}': 0,
    'rule_errors_total{rule="own"}': 0,
    rules_reload_failed: 0,
  });
  const subscriber = await subscriberForTest(port);
  await subscriber.subscribe(['SPY', 'QQQ'], { alerts: true });
  const now = Date.now();
  const prices = (symbol: string, ...given: number[]) =>
    given.map((price, i) => ({ symbol, price, timestamp: now + i }));
  // Two episodes, the second of them open; SPY comes back, and moves again too early.
  const ticks = [...prices('SPY', 100, 103, 100, 103), ...prices('QQQ', 100, 103)];
  await postPrices(port, ticks);
  await expect
    .poll(() => samples(port))
    .toMatchObject({
      alerts_sent_total: 3,
      'rule_started_total{rule="flash"}': 2,
      'rule_open{rule="flash"}': 1,
      'rule_suppressed_total{rule="flash"}': 1,
      'rule_errors_total{rule="flash"}': 0,
      'rule_started_total{rule="own"}': 0,
      'rule_errors_total{rule="own"}': 1,
    });

  write({ ...COOLED, windowMs: 0 });
  server.reload();
  await expect.poll(() => samples(port)).toMatchObject({ rules_reload_failed: 1 });
  const inForce = async () => (await fetch(`http://127.0.0.1:${port}/api/rules`)).json();
  expect(await inForce()).toMatchObject({
    refused: expect.stringMatching(/^rules\[0\] "flash"\.windowMs: expected ms above 0/),
    items: [
      { name: 'flash', open: 1 },
      { name: 'own', failed: 1 },
    ],
  });
  write(COOLED);
  server.reload();
  await expect
    .poll(async () => Object.keys(await samples(port)).filter((name) => name.includes('"own"')))
    .toEqual([]);
  expect(await inForce()).toMatchObject({ refused: null, items: [{ name: 'flash' }] });
  expect(await samples(port)).toMatchObject({
    rules_reload_failed: 0,
    'rule_started_total{rule="flash"}': 2,
    'rule_suppressed_total{rule="flash"}': 1,
  });
  await expect(server.stop()).rejects.toThrow('the rule file is refused');
});
