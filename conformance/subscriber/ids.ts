import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import { expect, expectSame } from '../expect.ts';
import { fullEntry, oneTick } from '../scripted/market.ts';

/** What ids mean, and for how long. */
export const idChecks: readonly Check[] = [
  {
    name: 'stale-while-lost',
    role: 'subscriber',
    promise: 'Shows nothing as live from the loss of a connection to the next full entry.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20));
      const { client, server, session } = await rig.subscriber(['BTC', 'ETH']);
      await client.holds('BTC', oneTick(100));
      await client.holds('ETH', oneTick(20));
      session.connection.cut();
      await client.holds('BTC', null);
      await client.holds('ETH', null);
      const second = await rig.stream(server, { isSilent: true });
      await second.subscribed('BTC', 'ETH');
      rig.market.values.set('BTC', oneTick(101));
      second.full('BTC');
      await client.holds('BTC', oneTick(101));
      await client.holds('ETH', null);
      second.full('ETH');
      await client.holds('ETH', oneTick(20));
    },
  },
  {
    name: 'new-epoch',
    role: 'subscriber',
    promise: 'Forgets every id and all state when WELCOME brings another epoch.',
    section: 'Symbols and patterns',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20)).set('OLD', oneTick(3));
      const { client, server, session } = await rig.subscriber(['*']);
      for (const symbol of rig.market.symbols) await client.holds(symbol, {});
      rig.market.restart('second', ['ETH', 'NEW', 'BTC']);
      rig.market.values.set('ETH', oneTick(21)).set('NEW', oneTick(9));
      session.connection.cut();
      const second = await rig.stream(server);
      await client.holds('ETH', oneTick(21));
      await client.holds('NEW', oneTick(9));
      await client.holds('BTC', null);
      await client.holds('OLD', null);
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      rig.market.values.set('BTC', oneTick(101));
      second.full('BTC');
      await client.holds('BTC', oneTick(101));
      await client.holds('ETH', oneTick(21));
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      expect(server.waiting === 0, 'one connection', () => 'another one');
    },
  },
  {
    name: 'same-epoch',
    role: 'subscriber',
    promise: 'Takes the entries of the next session under the ids of the same epoch.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20));
      const { client, server, session } = await rig.subscriber(['*']);
      await client.holds('ETH', oneTick(20));
      session.connection.cut();
      rig.market.values.set('ETH', { ...oneTick(21), count: 5 });
      const second = await rig.stream(server);
      await client.holds('ETH', { ...oneTick(21), count: 5 });
      second.delta('ETH', { ...oneTick(22), count: 7 }, 63);
      await client.holds('ETH', { ...oneTick(22), count: 7 });
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
    },
  },
  {
    name: 'retired',
    role: 'subscriber',
    promise: 'Drops the symbols that RETIRED names, and takes them up again under another id.',
    section: 'RETIRED',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20));
      const { client, server, session } = await rig.subscriber(['*']);
      await client.holds('ETH', oneTick(20));
      session.send([Op.RETIRED, [rig.market.idOf('BTC')]]);
      rig.market.retire('BTC');
      await client.holds('BTC', null);
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      rig.market.values.set('BTC', oneTick(7));
      session.full('BTC');
      await client.holds('BTC', oneTick(7));
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      expect(server.waiting === 0, 'one connection', () => 'another one');
    },
  },
  {
    name: 'unsubscribe',
    role: 'subscriber',
    promise: 'Unsubscribes, and shows nothing live of what no pattern covers any more.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100)).set('ETH', oneTick(20)).set('EURO', oneTick(1));
      const { client, session } = await rig.subscriber(['BTC']);
      await client.subscribe(['E*']);
      await client.subscribe(['ETH']);
      await client.holds('ETH', oneTick(20));
      await client.holds('EURO', oneTick(1));
      await client.unsubscribe(['E*']);
      const frame = await session.request(Op.UNSUBSCRIBE);
      expectSame('the patterns', ['E*'], frame[2]);
      await client.holds('EURO', null);
      await client.holds('ETH', oneTick(20));
      await client.holds('BTC', oneTick(100));
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      await client.subscribe(['EURO']);
      await client.holds('EURO', oneTick(1));
    },
  },
  {
    name: 'symbols-list',
    role: 'subscriber',
    promise: 'Lists the symbols that it holds, those that appear later under a pattern too.',
    section: 'SUBSCRIBE and UNSUBSCRIBE',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, session } = await rig.subscriber(['*']);
      await client.holds('BTC', oneTick(100));
      session.name('ETH');
      session.stats(fullEntry(rig.market.idOf('ETH'), oneTick(20)));
      await client.holds('ETH', oneTick(20));
      const names = (await client.symbols()).map(({ symbol }) => symbol);
      expectSame('the symbols', ['BTC', 'ETH'], names.sort());
    },
  },
];
