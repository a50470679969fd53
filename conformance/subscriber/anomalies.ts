import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import { anomalyOf, type Client, type ClientAnomaly } from '../client.ts';
import type { ClientEvent } from '../client-process.ts';
import { expect, expectSame } from '../expect.ts';
import type { Rig } from '../rig.ts';
import { oneTick, type ScriptedMarket } from '../scripted/market.ts';

/** The anomalies of the market as a client tells of them. */
function expected(market: ScriptedMarket, symbol: string): ClientAnomaly[] {
  return market.anomalies(symbol).map((tuple) => {
    const [sequence, direction, reference, price, changePercent, time] = tuple;
    return { symbol, sequence, direction, reference, price, changePercent, time };
  });
}

function toldOf(client: Client, symbol: string): readonly ClientAnomaly[] {
  return client.anomalies.filter((anomaly) => anomaly.symbol === symbol);
}

/** All anomalies from a sequence on, each once and in order. */
function expectAll(rig: Rig, client: Client, symbol: string, from = 1): void {
  const all = expected(rig.market, symbol).filter(({ sequence }) => sequence >= from);
  const sequences = (list: readonly ClientAnomaly[]) => list.map(({ sequence }) => sequence);
  expectSame(`of ${symbol} the anomalies`, sequences(all), sequences(toldOf(client, symbol)));
  expectSame(`of ${symbol} the values`, all, toldOf(client, symbol));
}

/** Anomalies: each once, in order, none missed. */
export const anomalyChecks: readonly Check[] = [
  {
    name: 'anomalies',
    role: 'subscriber',
    promise: 'Tells of each anomaly once, in order, with exact values.',
    section: 'ANOMALY and HISTORY',
    async run(rig) {
      const { client, session } = await rig.subscriber(['BTC', 'ETH']);
      session.name('BTC', 'ETH');
      const several = [1, 2, 3].map(() => rig.market.raise('BTC'));
      session.anomalies('BTC', several);
      session.anomalies('ETH', [rig.market.raise('ETH')]);
      session.anomalies('BTC', [rig.market.raise('BTC')]);
      await client.toldOf('BTC', 4);
      await client.toldOf('ETH', 1);
      expectAll(rig, client, 'BTC');
      expectAll(rig, client, 'ETH');
    },
  },
  {
    name: 'anomalies-over-cuts',
    role: 'subscriber',
    promise: 'Misses no anomaly that was raised while it was not connected, and repeats none.',
    section: 'Reconnecting',
    async run(rig) {
      for (const symbol of ['BTC', 'ETH', 'EURO']) rig.market.values.set(symbol, oneTick(100));
      const { client, server, session } = await rig.subscriber(['BTC', 'E*']);
      session.anomalies('BTC', [rig.market.raise('BTC'), rig.market.raise('BTC')]);
      session.anomalies('ETH', [rig.market.raise('ETH')]);
      await client.toldOf('BTC', 2);
      await client.toldOf('ETH', 1);
      session.connection.cut();
      for (const symbol of ['BTC', 'ETH', 'ETH']) rig.market.raise(symbol);
      const second = await rig.stream(server);
      await client.toldOf('BTC', 3);
      await client.toldOf('ETH', 3);
      second.connection.cut();
      for (const symbol of ['ETH', 'BTC']) rig.market.raise(symbol);
      const third = await rig.stream(server);
      await client.toldOf('ETH', 4);
      third.anomalies('EURO', [rig.market.raise('EURO')]);
      await client.toldOf('BTC', 4);
      await client.toldOf('EURO', 1);
      for (const symbol of ['BTC', 'ETH', 'EURO']) expectAll(rig, client, symbol);
    },
  },
  {
    name: 'first-anomaly-in-cut',
    role: 'subscriber',
    promise: "Misses no symbol's first anomaly either, if it held the symbol before the cut.",
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await rig.subscriber(['*']);
      await client.holds('BTC', oneTick(100));
      session.connection.cut();
      rig.market.raise('BTC');
      await rig.stream(server);
      await client.toldOf('BTC', 1);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'history-after-jump',
    role: 'subscriber',
    promise: 'Fetches with HISTORY, page by page, what a jump of the sequence left out.',
    section: 'ANOMALY and HISTORY',
    async run(rig) {
      const { client, session } = await rig.subscriber(['BTC'], {
        onRequest(request, own) {
          if (request[0] !== Op.HISTORY) return false;
          own.page(request, 2);
          return true;
        },
      });
      session.name('BTC');
      session.anomalies('BTC', [rig.market.raise('BTC')]);
      for (let i = 0; i < 6; i++) rig.market.raise('BTC');
      session.anomalies('BTC', [rig.market.raise('BTC'), rig.market.raise('BTC')]);
      session.anomalies('BTC', [rig.market.raise('BTC')]);
      await client.toldOf('BTC', 10);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'gap-reported',
    role: 'subscriber',
    promise: 'Tells of the gap where the server no longer has what was missed, and goes on.',
    section: 'ANOMALY and HISTORY',
    async run(rig) {
      const { client, session } = await rig.subscriber(['BTC'], {
        onRequest([op, id], own) {
          if (op !== Op.HISTORY) return false;
          own.send([Op.ERROR, id, 14, 'from sequence 8 on', false, null]);
          return true;
        },
      });
      session.name('BTC');
      session.anomalies('BTC', [rig.market.raise('BTC')]);
      await client.toldOf('BTC', 1);
      session.anomalies('BTC', [rig.market.raise('BTC', 8)]);
      const { symbol, fromSequence, toSequence } = await client.process.event('gap');
      const missing = { symbol: 'BTC', fromSequence: 2, toSequence: 7 };
      expectSame('the gap', missing, { symbol, fromSequence, toSequence });
      await client.toldOf('BTC', 8);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'resume-point',
    role: 'subscriber',
    promise: 'Resumes after the sequence that the program remembers from an earlier run.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      for (let i = 0; i < 5; i++) rig.market.raise('BTC');
      const { client, server } = await rig.pair('subscriber');
      await rig.stream(server);
      await client.subscribe(['BTC'], { since: { BTC: 3 } });
      await client.toldOf('BTC', 5);
      expectAll(rig, client, 'BTC', 4);
    },
  },
  {
    name: 'numbers-begin-again',
    role: 'subscriber',
    promise: 'Tells of the anomalies of a new epoch, whose numbers begin at 1 again.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await rig.subscriber(['BTC']);
      await client.holds('BTC', oneTick(100));
      session.anomalies(
        'BTC',
        [1, 2, 3].map(() => rig.market.raise('BTC')),
      );
      await client.toldOf('BTC', 3);
      const time = Math.max(...client.anomalies.map((anomaly) => anomaly.time));
      rig.market.restart('second', ['BTC']);
      rig.market.values.set('BTC', oneTick(101, time + 1000));
      session.connection.cut();
      const second = await rig.stream(server);
      await client.holds('BTC', oneTick(101, time + 1000));
      // Later than those before, as time goes.
      const [sequence, ...values] = rig.market.raise('BTC');
      values[4] = time + 2000.5;
      second.anomalies('BTC', [[sequence, ...values]]);
      const isNew = (event: ClientEvent) => event.time === time + 2000.5;
      await client.process.event('anomaly', isNew, 'anomaly 1 of the new epoch');
      expectSame(
        'the sequences',
        [1, 2, 3, 1],
        toldOf(client, 'BTC').map((one) => one.sequence),
      );
    },
  },
  {
    name: 'history',
    role: 'subscriber',
    promise: 'Reads past anomalies on request, and says whether there are further ones.',
    section: 'ANOMALY and HISTORY',
    async run(rig) {
      for (let i = 0; i < 5; i++) rig.market.raise('BTC');
      const { client } = await rig.subscriber(['ETH']);
      const { anomalies, more } = await client.history('BTC', 1, 3);
      const page = expected(rig.market, 'BTC').slice(1, 4);
      expectSame(
        'the page',
        page,
        anomalies.map((one) => anomalyOf({ ...one })),
      );
      expect(more, 'more: true', () => 'false');
      const rest = await client.history('BTC', 4, 3);
      expectSame('the rest', 1, rest.anomalies.length);
      expect(!rest.more, 'more: false', () => 'true');
    },
  },
];
