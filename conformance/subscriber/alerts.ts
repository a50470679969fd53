import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import type { Client, ClientAlert } from '../client.ts';
import type { ClientEvent } from '../client-process.ts';
import { expectSame } from '../expect.ts';
import type { Rig } from '../rig.ts';
import { oneTick } from '../scripted/market.ts';
import type { StreamOptions, StreamSession } from '../scripted/stream-session.ts';

const SECTION = 'ALERT and RULES';

function toldOf(client: Client, symbol: string): readonly ClientAlert[] {
  return client.alerts.filter((alert) => alert.symbol === symbol);
}

/** All alerts from a sequence on, each once and in order. */
function expectAll(rig: Rig, client: Client, symbol: string, from = 1): void {
  const all = rig.market.alerts(symbol).filter(({ sequence }) => sequence >= from);
  const told = toldOf(client, symbol);
  const sequences = (list: readonly { readonly sequence: number }[]) =>
    list.map(({ sequence }) => sequence);
  expectSame(`of ${symbol} the alerts`, sequences(all), sequences(told));
  expectSame(
    `of ${symbol} the values`,
    all.map((alert) => ({ symbol, ...alert })),
    told,
  );
}

/** A subscriber of alerts in its first session. */
function follower(rig: Rig, patterns: readonly string[], options: StreamOptions = {}) {
  return rig.subscriber(patterns, options, { alerts: true });
}

function expectAskedFor({ patterns }: StreamSession): void {
  const asked = ['BTC', 'ETH'].map((pattern) => patterns.get(pattern)?.alerts);
  expectSame('alerts asked for, of BTC and of ETH:', [false, true], asked);
}

/** Answers what ALERT_HISTORY asks for in its own way. */
function onHistory(answer: NonNullable<StreamOptions['onRequest']>): StreamOptions {
  return {
    onRequest: (request, session) => request[0] === Op.ALERT_HISTORY && answer(request, session),
  };
}

/** Alerts of rules: each once, in order, none missed. */
export const alertChecks: readonly Check[] = [
  {
    name: 'alerts',
    role: 'subscriber',
    promise: 'Tells of each alert once, in order, with exact values and the name of its rule.',
    section: SECTION,
    async run(rig) {
      for (const encoding of ['binary', 'json'] as const) {
        const asked = { alerts: true, connect: { encoding } };
        const { client, session } = await rig.subscriber(['BTC', 'ETH'], {}, asked);
        const from = 1 + rig.market.alerts('BTC').length;
        session.name('BTC', 'ETH');
        // One frame with two rules, then one with all that an episode can be.
        session.alerts('BTC', [rig.market.alert('BTC'), rig.market.alert('BTC')]);
        session.alerts('ETH', [rig.market.alert('ETH')]);
        session.alerts(
          'BTC',
          Array.from({ length: 30 }, () => rig.market.alert('BTC')),
        );
        await client.alerted('BTC', from + 31);
        await client.alerted('ETH', rig.market.alerts('ETH').length);
        expectAll(rig, client, 'BTC', from);
        expectAll(rig, client, 'ETH', rig.market.alerts('ETH').length);
      }
    },
  },
  {
    name: 'alerts-asked-for',
    role: 'subscriber',
    promise: 'Asks for alerts where the program does, over lost connections too, and nowhere else.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      const { client, server, session } = await rig.subscriber(['BTC']);
      await client.subscribe(['ETH'], { alerts: true, anomalies: false });
      expectAskedFor(session);
      session.connection.cut();
      const second = await rig.stream(server);
      await second.subscribed('BTC', 'ETH');
      expectAskedFor(second);
    },
  },
  {
    name: 'alerts-over-cuts',
    role: 'subscriber',
    promise: 'Misses no alert that was raised while it was not connected, and repeats none.',
    section: 'Reconnecting',
    async run(rig) {
      for (const symbol of ['BTC', 'ETH', 'EURO']) rig.market.values.set(symbol, oneTick(100));
      const { client, server, session } = await follower(rig, ['BTC', 'E*']);
      session.alerts('BTC', [rig.market.alert('BTC'), rig.market.alert('BTC')]);
      session.alerts('ETH', [rig.market.alert('ETH')]);
      // Anomalies have numbers of their own.
      session.anomalies('ETH', [rig.market.raise('ETH', 7)]);
      await client.alerted('BTC', 2);
      await client.alerted('ETH', 1);
      await client.toldOf('ETH', 7);
      session.connection.cut();
      for (const symbol of ['BTC', 'ETH', 'ETH']) rig.market.alert(symbol);
      const second = await rig.stream(server);
      await client.alerted('BTC', 3);
      await client.alerted('ETH', 3);
      second.connection.cut();
      for (const symbol of ['ETH', 'BTC']) rig.market.alert(symbol);
      const third = await rig.stream(server);
      await client.alerted('ETH', 4);
      third.alerts('EURO', [rig.market.alert('EURO')]);
      await client.alerted('BTC', 4);
      await client.alerted('EURO', 1);
      for (const symbol of ['BTC', 'ETH', 'EURO']) expectAll(rig, client, symbol);
    },
  },
  {
    name: 'rule-ids',
    role: 'subscriber',
    promise: 'Takes the names of rules from the same connection, whatever their ids were before.',
    section: SECTION,
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await follower(rig, ['BTC']);
      for (let i = 0; i < 2; i++) session.alerts('BTC', [rig.market.alert('BTC')]);
      await client.alerted('BTC', 2);
      session.connection.cut();
      const second = await rig.stream(server);
      await second.subscribed('BTC');
      for (let i = 0; i < 2; i++) second.alerts('BTC', [rig.market.alert('BTC')]);
      await client.alerted('BTC', 4);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'first-alert-in-cut',
    role: 'subscriber',
    promise: "Misses no symbol's first alert either, if it held the symbol before the cut.",
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await follower(rig, ['*']);
      await client.holds('BTC', oneTick(100));
      session.connection.cut();
      rig.market.alert('BTC');
      await rig.stream(server);
      await client.alerted('BTC', 1);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'alerts-after-jump',
    role: 'subscriber',
    promise: 'Fetches with ALERT_HISTORY, page by page, what a jump of the sequence left out.',
    section: SECTION,
    async run(rig) {
      const { client, session } = await follower(
        rig,
        ['BTC'],
        onHistory((request, own) => {
          own.alertPage(request, 2);
          return true;
        }),
      );
      session.name('BTC');
      session.alerts('BTC', [rig.market.alert('BTC')]);
      for (let i = 0; i < 6; i++) rig.market.alert('BTC');
      session.alerts('BTC', [rig.market.alert('BTC'), rig.market.alert('BTC')]);
      session.alerts('BTC', [rig.market.alert('BTC')]);
      await client.alerted('BTC', 10);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'alert-gap-reported',
    role: 'subscriber',
    promise: 'Tells of the gap where the server no longer has the alerts missed, and goes on.',
    section: SECTION,
    async run(rig) {
      const { client, session } = await follower(
        rig,
        ['BTC'],
        onHistory(([, id], own) => {
          own.send([Op.ERROR, id, 14, 'from sequence 8 on', false, null]);
          return true;
        }),
      );
      session.name('BTC');
      session.alerts('BTC', [rig.market.alert('BTC')]);
      await client.alerted('BTC', 1);
      session.alerts('BTC', [rig.market.alert('BTC', 8)]);
      const { symbol, fromSequence, toSequence } = await client.process.event('alertGap');
      const missing = { symbol: 'BTC', fromSequence: 2, toSequence: 7 };
      expectSame('the gap', missing, { symbol, fromSequence, toSequence });
      await client.alerted('BTC', 8);
      expectAll(rig, client, 'BTC');
    },
  },
  {
    name: 'alert-resume-point',
    role: 'subscriber',
    promise: 'Resumes after the sequence of an alert that the program remembers.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      for (let i = 0; i < 5; i++) rig.market.alert('BTC');
      const { client, server } = await rig.pair('subscriber');
      await rig.stream(server);
      await client.subscribe(['BTC'], { alerts: true, alertsSince: { BTC: 3 } });
      await client.alerted('BTC', 5);
      expectAll(rig, client, 'BTC', 4);
    },
  },
  {
    name: 'alert-numbers-begin-again',
    role: 'subscriber',
    promise: 'Tells of the alerts of a new epoch, whose numbers begin at 1 again.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await follower(rig, ['BTC']);
      await client.holds('BTC', oneTick(100));
      session.alerts(
        'BTC',
        [1, 2, 3].map(() => rig.market.alert('BTC')),
      );
      await client.alerted('BTC', 3);
      const time = Math.max(...client.alerts.map((alert) => alert.time));
      rig.market.restart('second', ['BTC']);
      rig.market.values.set('BTC', oneTick(101, time + 1000));
      session.connection.cut();
      const second = await rig.stream(server);
      await client.holds('BTC', oneTick(101, time + 1000));
      // Later than those before, as time goes.
      second.alerts('BTC', [{ ...rig.market.alert('BTC'), time: time + 2000.5 }]);
      const isNew = (event: ClientEvent) => event.time === time + 2000.5;
      await client.process.event('alert', isNew, 'alert 1 of the new epoch');
      expectSame(
        'the sequences',
        [1, 2, 3, 1],
        toldOf(client, 'BTC').map((one) => one.sequence),
      );
    },
  },
];
