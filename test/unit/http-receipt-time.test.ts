import { expect, it, onTestFinished } from 'vitest';
import { postPrices } from '../../src/http/commands/post-prices.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { anybody } from '../support/anybody.ts';
import { EngineRun } from '../support/engine-run.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function standFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it('has one receipt time a turn of the loop, the one of frames of publishers', async () => {
  const run = await EngineRun.start({ partitions: 1 });
  const context = gatewayContext(run.engine);
  const { clock, scheduler } = context;
  onTestFinished(() => scheduler.stop());
  const handler = postPrices(context);
  const post = (symbol: string) => {
    const body = Buffer.from(JSON.stringify({ symbol, price: 1 }));
    const head = {
      method: 'POST',
      path: '/api/prices',
      query: new URLSearchParams(),
      remoteAddress: '127.0.0.1',
    };
    return handler({ ...head, header: () => undefined, body }, '', anybody);
  };
  // As a frame that came first in this turn reads it; reading it takes a while.
  clock.read();
  const receipt = clock.now;
  standFor(5);
  expect(post('A')).toMatchObject({ status: 202 });
  await turn();
  expect(post('B')).toMatchObject({ status: 202 });
  await run.settle();
  expect(run.rows.get(0)).toMatchObject({ lastUpdateTime: receipt });
  expect(run.rows.get(1)?.lastUpdateTime).toBeGreaterThanOrEqual(receipt + 4);
  await run.stop();
});
