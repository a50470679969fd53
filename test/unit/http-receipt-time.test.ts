import { expect, it } from 'vitest';
import type { GatewayContext } from '../../src/gateway/index.ts';
import { postPrices } from '../../src/http/commands/post-prices.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { anonymousClient } from '../support/anonymous-client.ts';
import { EngineRun } from '../support/engine-run.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function standFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it('has one receipt time a turn of the loop, the one of frames of publishers', async () => {
  const run = await EngineRun.start({ partitions: 1 });
  const { clock, ...context } = gatewayContext(run.engine);
  // Without a fan-out, which would consume the changes first.
  const scheduler = { schedule: () => run.engine.publishTicks() } as GatewayContext['scheduler'];
  const handler = postPrices({ ...context, clock, scheduler });
  const post = (symbol: string) => {
    const body = Buffer.from(JSON.stringify({ symbol, price: 1 }));
    const head = {
      method: 'POST',
      path: '/api/prices',
      query: new URLSearchParams(),
      remoteAddress: '127.0.0.1',
    };
    return handler(
      { ...head, header: () => undefined, body, isWanted: () => true },
      '',
      anonymousClient,
    );
  };
  // As by an earlier frame in this turn, whose decoding takes a while.
  clock.read();
  const receipt = clock.now;
  standFor(5);
  expect(post('A')).toMatchObject({ status: 202 });
  await turn();
  expect(post('B')).toMatchObject({ status: 202 });
  await run.settle();
  expect(run.rows.get(0)).toMatchObject({ time: receipt });
  expect(run.rows.get(1)?.time).toBeGreaterThanOrEqual(receipt + 4);
  await run.stop();
});
