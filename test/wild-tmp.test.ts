import { it } from 'vitest';
import { Op } from '/work/main/test/support/independent-client.ts';
import { serverForTest } from '/work/main/test/support/running-server.ts';
import { publisherForTest, subscriberForTest } from '/work/main/test/support/test-clients.ts';
it('wild', async () => {
  const server = await serverForTest({ server: { transport: 'node' } });
  const publisher = await publisherForTest(server.port, 'feed');
  const N = Number(process.env.NPAT ?? 2000), S = Number(process.env.NSYM ?? 500);
  const symbols = Array.from({ length: S }, (_, i) => `SYM-${i}`);
  await publisher.publishAll(symbols.map((symbol) => ({ symbol, price: 1, time: 1e12 })));
  const sub = await subscriberForTest(server.port);
  const patterns = Array.from({ length: N }, (_, i) => `*${'*'.repeat(0)}${'S*Y*M*'.slice(0, 2 * (i % 4))}${'*'.repeat(1 + Math.floor(i / 4) % 20)}${i % 2 ? '*' : ''}`.slice(0, 32));
  const distinct = [...new Set(Array.from({ length: N }, (_, i) => { const b = i.toString(2).padStart(16, '0'); return '*' + [...b].map((c) => (c === '1' ? '**' : '*')).join('').slice(0,30); }))];
  // distinct matching-all patterns: vary asterisks inserted between S Y M -
  const make = (i: number) => '*'.repeat(1 + (i & 7)) + 'S' + '*'.repeat((i >> 3) & 7) + 'Y' + '*'.repeat((i >> 6) & 7) + 'M' + '*'.repeat(1 + ((i >> 9) & 7)) ;
  const pats = [...new Set(Array.from({ length: N }, (_, i) => make(i)))];
  let t = performance.now();
  sub.send([Op.SUBSCRIBE, 1, pats, { anomalies: false }]);
  await sub.answer(Op.SUBSCRIBED, 1);
  await sub.ping();
  console.log('subscribe', pats.length, 'patterns', S, 'symbols', performance.now() - t);
  t = performance.now();
  publisher.publish(Array.from({ length: 20 }, (_, i) => ({ symbol: `NEW-SYM-${i}`, price: 1, time: 1e12 })));
  await publisher.acknowledged();
  console.log('20 new symbols', performance.now() - t);
}, 120000);
