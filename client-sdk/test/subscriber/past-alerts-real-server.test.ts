import { describe, expect, it, onTestFinished } from 'vitest';
import { folderForTest } from '../../../test/support/folders.ts';
import { eventually } from '../../../testkit/until.ts';
import { type Alert, connect, type Subscriber } from '../../src/index.ts';
import { jump, post, raised, START, startWithRules, stored } from '../support/rules-server.ts';

/** A comma separates patterns in a query, but not in a symbol. */
const ODD = 'A/B & C,D';

/** 40 alerts of SPY, 4 a second; 4 of QQQ and of an odd name in the midst of them. */
async function serverWithAlerts(config = {}): Promise<number> {
  const { port } = await startWithRules(config);
  for (let i = 0; i < 10; i++) {
    await jump(port, 'SPY', 5000 * i);
    if (i === 4) {
      await jump(port, 'QQQ', 21_000);
      await jump(port, ODD, 22_000);
    }
  }
  await raised(port, 'SPY', 40);
  await raised(port, 'QQQ', 4);
  await raised(port, ODD, 4);
  return port;
}

/** With a store, once that has them all. */
async function serverWithStore(): Promise<number> {
  const port = await serverWithAlerts({ store: { directory: folderForTest() } });
  const subscriber = open(port);
  await eventually(
    () => subscriber.alerts('*', { from: 0 }).toArray(),
    ({ length }) => length === 48,
  );
  return port;
}

function open(port: number): Subscriber {
  const subscriber = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => subscriber.close());
  return subscriber;
}

const names = (alerts: readonly Alert[]) =>
  alerts.map(({ symbol, sequence }) => `${symbol} ${sequence}`);

describe('past alerts', () => {
  it('are all of a range of time, oldest first, page after page', async () => {
    const port = await serverWithStore();
    const subscriber = open(port);
    const ofSpy = await stored(port, 'SPY');
    expect(ofSpy).toHaveLength(40);
    expect(await subscriber.alerts('SPY', { from: 0, limit: 7 }).toArray()).toEqual(ofSpy);
    const from = new Date(START + 5000).toISOString();
    const range = { from, to: new Date(START + 15_000), limit: 3 };
    expect(await subscriber.alerts(['SPY'], range).toArray()).toEqual(ofSpy.slice(4, 12));
    expect(await subscriber.alerts('SPY', { to: START + 10_000 }).toArray()).toEqual(
      ofSpy.slice(0, 8),
    );
    const all = await subscriber.alerts(undefined, { from: 0, limit: 5 }).toArray();
    const others = [...(await stored(port, 'QQQ')), ...(await stored(port, ODD))];
    expect(all).toEqual([...ofSpy.slice(0, 20), ...others, ...ofSpy.slice(20)]);
  });

  it('are those of symbols, patterns, rules, levels and phases', async () => {
    const port = await serverWithStore();
    const subscriber = open(port);
    const [ofQqq, ofOdd] = [await stored(port, 'QQQ'), await stored(port, ODD)];
    expect(await subscriber.alerts(ODD, { from: 0 }).toArray()).toEqual(ofOdd);
    expect(await subscriber.alerts(['Q*', ODD], { from: 0 }).toArray()).toEqual([
      ...ofQqq,
      ...ofOdd,
    ]);
    const ends = await subscriber.alerts(['QQQ'], { rule: 'print', phase: 'end' }).toArray();
    expect(ends).toEqual(ofQqq.filter(({ rule, phase }) => rule === 'print' && phase === 'end'));
    expect(ends).toMatchObject([{ reason: 'reverted', direction: 'Up' }]);
    const both = { rule: ['flash', 'print'], phase: ['start', 'end'] } as const;
    expect(await subscriber.alerts('QQQ', both).toArray()).toEqual(ofQqq);
    expect(await subscriber.alerts('*', { level: 'critical' }).toArray()).toEqual([]);
    await post(port, 'QQQ', [30_000, 100], [30_001, 106]);
    await raised(port, 'QQQ', 6);
    const critical = await subscriber.alerts('*', { level: ['critical'] }).toArray();
    expect(critical).toMatchObject([{ symbol: 'QQQ', rule: 'flash', phase: 'start' }]);
  });

  it('are the newest page without a time, also from a server without a store', async () => {
    const port = await serverWithAlerts();
    const subscriber = open(port);
    const ofSpy = await stored(port, 'SPY');
    expect(await subscriber.alerts('SPY').toArray()).toEqual(ofSpy);
    expect(await subscriber.alerts('SPY', { limit: 3 }).toArray()).toEqual(ofSpy.slice(-3));
    await expect(subscriber.alerts('SPY', { from: 0 }).toArray()).rejects.toThrow(/^404 .*store/);
  });

  it('are read as far as a loop goes, each loop anew, and without a session', async () => {
    const port = await serverWithStore();
    const subscriber = open(port);
    subscriber.close();
    const alerts = subscriber.alerts('SPY', { from: 0, limit: 2 });
    for (let loop = 0; loop < 2; loop++) {
      const seen: Alert[] = [];
      for await (const alert of alerts) {
        seen.push(alert);
        if (seen.length === 3) break;
      }
      expect(names(seen)).toEqual(['SPY 1', 'SPY 2', 'SPY 3']);
    }
  });

  it('refuse what is a mistake at once, but for a text that the server must know', async () => {
    const subscriber = open((await startWithRules()).port);
    expect(() => subscriber.alerts(1 as never)).toThrow('patterns: expected a string');
    expect(() => subscriber.alerts('*', { rules: 'a' } as never)).toThrow('did you mean rule?');
    expect(() => subscriber.alerts('*', { limit: 1001 })).toThrow(RangeError);
    expect(() => subscriber.alerts('*', { level: 2 as never })).toThrow(TypeError);
    await expect(subscriber.alerts('*', { to: 'noon' }).toArray()).rejects.toThrow(
      'options.to: expected a time, got noon',
    );
    await expect(subscriber.alerts('*', { phase: 'begin' as never }).toArray()).rejects.toThrow(
      /^400 .*phase/,
    );
  });
});
