import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { startTestServer } from '../support/running-server.ts';

const OWN = {
  name: 'own',
  kind: 'module',
  symbols: ['SPY'],
  module: './own.mjs',
  options: { around: 100 },
  warning: '1',
  episode: FLASH.episode,
};
const PRINT = {
  name: 'print',
  kind: 'gap',
  symbols: ['SPY'],
  warning: '1%',
  episode: FLASH.episode,
};

/** How far a price is from a number. */
const MODULE = `export default {
  state: 0,
  onTick(state, base, price, time, out, { around }) {
    out[0] = around;
    out[1] = price - around;
  },
};`;

class Place {
  readonly folder = folderForTest();
  readonly store = join(this.folder, 'data');

  write(...rules: object[]): void {
    writeFileSync(join(this.folder, 'rules.json'), JSON.stringify({ rules }));
  }

  start() {
    return startTestServer({
      store: { directory: this.store },
      rules: { file: join(this.folder, 'rules.json') },
    });
  }
}

async function read(port: number, path: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).json();
}

/** The alerts of SPY: number, rule, episode, phase and reason of each. */
async function alerts(port: number): Promise<string[]> {
  const { items } = (await read(port, '/api/prices/SPY/alerts')) as { items: AlertItem[] };
  return items.map(
    ({ sequence, rule, episode, phase, reason = '' }) =>
      `${sequence} ${rule} ${episode} ${phase} ${reason}`,
  );
}

interface AlertItem {
  readonly sequence: number;
  readonly rule: string;
  readonly episode: number;
  readonly phase: string;
  readonly reason?: string;
}

async function open(port: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const found = text.matchAll(/^tickwire_rule_open\{rule="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, rule, value]) => [rule, Number(value)]));
}

it('a restart with another rule file closes what changes and keeps the rest', async () => {
  const place = new Place();
  writeFileSync(join(place.folder, 'own.mjs'), MODULE);
  place.write(FLASH, OWN);
  const first = await place.start();
  const now = Date.now();
  const post = (port: number, ...prices: number[]) =>
    postPrices(
      port,
      prices.map((price, i) => ({ symbol: 'SPY', price, timestamp: now + i })),
    );
  await post(first.port, 100, 103);
  const started = ['1 flash 1 start ', '2 own 1 start '];
  await expect.poll(() => alerts(first.port)).toEqual(started);
  expect(await open(first.port)).toEqual({ flash: 1, own: 1 });
  await first.stop();

  // Another threshold keeps an episode; a rule that is gone ends its own.
  place.write({ ...FLASH, warning: '2.5%' }, PRINT);
  const second = await place.start();
  const closed = [...started, '3 own 1 end closed'];
  await expect.poll(() => alerts(second.port)).toEqual(closed);
  await expect.poll(() => open(second.port)).toEqual({ flash: 1, print: 0 });
  // A new rule knows no tick from before: only the second of these is a gap.
  await postPrices(second.port, [{ symbol: 'SPY', price: 100, timestamp: now + 10 }]);
  await postPrices(second.port, [{ symbol: 'SPY', price: 98.5, timestamp: now + 11 }]);
  const ended = [...closed, '4 flash 1 end reverted', '5 print 1 start '];
  await expect.poll(() => alerts(second.port)).toEqual(ended);
  expect(await open(second.port)).toEqual({ flash: 0, print: 1 });
  await second.stop();

  // Restored: open is counted though this run has started none.
  const third = await place.start();
  expect(await alerts(third.port)).toEqual(ended);
  expect(await open(third.port)).toEqual({ flash: 0, print: 1 });
  await third.stop();
});
