import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FLASH } from '../support/flash-rule.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const OWN = {
  name: 'own',
  kind: 'module',
  symbols: ['*'],
  module: './own.mjs',
  warning: '1',
  episode: FLASH.episode,
};

/** How far a price is from 100. */
const MODULE = `export default {
  state: 0,
  onTick(state, base, price, time, out) {
    out[0] = 100;
    out[1] = price - 100;
  },
};`;

/** A folder with rules, and one with what servers store. */
class Place {
  readonly folder = folderForTest();
  rules = join(this.folder, 'rules.json');
  store = join(this.folder, 'data');

  write(...rules: object[]): void {
    writeFileSync(this.rules, JSON.stringify({ rules }));
  }

  start(logLevel: 'trace' | 'error' = 'error'): Promise<TestServer> {
    const config = { store: { directory: this.store }, rules: { file: this.rules } };
    return startTestServer(config, { logLevel });
  }

  startWithout(): Promise<TestServer> {
    return startTestServer({ store: { directory: this.store } });
  }

  /** As after a crash before anything but the journal was written: a new store, that journal. */
  async keepJournalOnly(): Promise<void> {
    const crashed = join(this.folder, 'crashed');
    const empty = await startTestServer({ store: { directory: crashed } });
    await empty.stop();
    for (const name of readdirSync(crashed)) {
      if (name === 'journal' || name.startsWith('snapshot')) {
        rmSync(join(crashed, name), { recursive: true });
      }
    }
    cpSync(join(this.store, 'journal'), join(crashed, 'journal'), { recursive: true });
    this.store = crashed;
  }
}

async function read(port: number, path: string): Promise<{ readonly items: AlertItem[] }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return (await response.json()) as { items: AlertItem[] };
}

interface AlertItem {
  readonly sequence: number;
  readonly rule: string;
  readonly phase: string;
  readonly reason?: string;
}

/** The alerts of SPY: number, rule, phase and reason of each. */
async function alerts(port: number): Promise<string[]> {
  const { items } = await read(port, '/api/prices/SPY/alerts');
  return items.map(
    ({ sequence, rule, phase, reason = '' }) => `${sequence} ${rule} ${phase} ${reason}`,
  );
}

const now = Date.now();

function post(port: number, from: number, ...prices: number[]) {
  return postPrices(
    port,
    prices.map((price, i) => ({ symbol: 'SPY', price, timestamp: now + from + i })),
  );
}

describe('a start without the rule file of the run before', () => {
  it.each(['a crash', 'a stop'])(
    'keeps its alerts after %s, and ends what is open',
    async (end) => {
      const place = new Place();
      place.write(FLASH);
      const first = await place.start();
      await post(first.port, 0, 100, 103);
      await expect.poll(() => alerts(first.port)).toEqual(['1 flash start ']);
      await first.stop();
      if (end === 'a crash') await place.keepJournalOnly();
      const second = await place.startWithout();
      const ended = ['1 flash start ', '2 flash end closed'];
      await expect.poll(() => alerts(second.port)).toEqual(ended);
      // Rules are over: this is an anomaly only.
      await post(second.port, 2000, 100, 103);
      await expect
        .poll(async () => (await read(second.port, '/api/anomalies')).items.length)
        .toBe(2);
      expect(await alerts(second.port)).toEqual(ended);
      await second.stop();
      const third = await place.startWithout();
      expect(await alerts(third.port)).toEqual(ended);
      await third.stop();
      // With rules again, numbers go on, and the run without any is not judged.
      const fourth = await place.start();
      await post(fourth.port, 4000, 100, 103);
      await expect.poll(() => alerts(fourth.port)).toEqual([...ended, '3 flash start ']);
      await fourth.stop();
    },
  );
});

describe('a start without the module of a rule', () => {
  /** A run whose module opened an episode. */
  async function withoutModule(): Promise<Place> {
    const place = new Place();
    writeFileSync(join(place.folder, 'own.mjs'), MODULE);
    place.write(OWN);
    const first = await place.start();
    await post(first.port, 0, 100, 101.5);
    await expect.poll(() => alerts(first.port)).toEqual(['1 own start ']);
    await first.stop();
    // This process has loaded it: it is missed where the file is now.
    place.rules = join(folderForTest(), 'rules.json');
    place.write(OWN);
    return place;
  }

  it('ends its episodes where the file does not name it any more', async () => {
    const place = await withoutModule();
    place.write(FLASH);
    const server = await place.start();
    await expect.poll(() => alerts(server.port)).toEqual(['1 own start ', '2 own end closed']);
    await post(server.port, 10, 105);
    await post(server.port, 2000, 100, 103);
    await expect.poll(() => alerts(server.port)).toHaveLength(3);
    expect((await alerts(server.port))[2]).toBe('3 flash start ');
    await server.stop();
  });

  it('ends its episodes where there is no file any more', async () => {
    const place = await withoutModule();
    const next = await place.startWithout();
    await expect.poll(() => alerts(next.port)).toEqual(['1 own start ', '2 own end closed']);
    await next.stop();
  });

  it('fails where the file names it', async () => {
    const place = await withoutModule();
    await expect(place.start()).rejects.toThrow('module ./own.mjs of a rule');
  });
});

describe('a module that only the middle of the journal names', () => {
  /** A journal whose second run alone had it, which opened an episode. */
  async function namedInTheMiddle(): Promise<Place> {
    const place = new Place();
    writeFileSync(join(place.folder, 'own.mjs'), MODULE);
    place.write(FLASH);
    await (await place.start()).stop();
    place.write(OWN);
    const second = await place.start();
    await post(second.port, 0, 100, 101.5);
    await expect.poll(() => alerts(second.port)).toEqual(['1 own start ']);
    await second.stop();
    await place.keepJournalOnly();
    place.write(FLASH);
    return place;
  }

  it('is loaded: its alerts are not lost, and its episodes end', async () => {
    const place = await namedInTheMiddle();
    const server = await place.start('trace');
    await expect.poll(() => alerts(server.port)).toEqual(['1 own start ', '2 own end closed']);
    expect(server.lines.join('')).not.toContain('lack a module');
    await server.stop();
  });

  it('may be gone: its rule judges nothing, as the log says', async () => {
    const place = await namedInTheMiddle();
    place.rules = join(folderForTest(), 'rules.json');
    place.write(FLASH);
    const server = await place.start('trace');
    await post(server.port, 10, 105);
    await post(server.port, 2000, 100, 103);
    await expect.poll(() => alerts(server.port)).toContain('1 flash start ');
    const warned = server.lines.filter((line) => line.includes('lack a module'));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain('module ./own.mjs of a rule');
    await server.stop();
  });
});
