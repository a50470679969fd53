import { expect } from 'vitest';
import { publisherForTest, subscriberForTest } from './test-clients.ts';

/** Ticks pass through a server: over a socket in, over another and HTTP out, digests equal. */
export async function expectTicksToPass(port: number, symbol: string): Promise<void> {
  const subscriber = await subscriberForTest(port);
  await subscriber.subscribe([symbol]);
  const publisher = await publisherForTest(port);
  publisher.publish([100, 101, 108].map((price) => ({ symbol, price, time: null })));
  expect(await publisher.acknowledged()).toMatchObject({ accepted: 3, rejected: 0, dropped: 0 });
  await subscriber.counted(symbol, 3);
  await subscriber.until(() => subscriber.anomaliesOf(symbol).length > 0, 'an anomaly');
  const { digest, ownDigest } = await subscriber.verify();
  expect(ownDigest).toBe(digest);
  const answer = await fetch(`http://127.0.0.1:${port}/api/prices/${symbol}`);
  expect(await answer.json()).toMatchObject({ symbol, currentPrice: 108, movingAverage: 103 });
}
