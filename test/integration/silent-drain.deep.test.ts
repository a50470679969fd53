import { expect, it, vi } from 'vitest';
import type * as Start from '../../src/gateway/transport/start-transport.ts';
import type { UpgradeDecision } from '../../src/gateway/transport/transport.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { onTransports, serverForTest, type TransportName } from '../support/running-server.ts';
import { untilStalled } from '../support/stalled-sessions.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

/** Sockets that never report a drain. */
function silent(decision: UpgradeDecision): UpgradeDecision {
  if (!decision.accept) return decision;
  const { open } = decision;
  return {
    ...decision,
    open: (socket) => {
      const handler = open(socket);
      return {
        message: (data) => handler.message(data),
        drain: () => undefined,
        pong: (mark) => handler.pong(mark),
        close: (code) => handler.close(code),
      };
    },
  };
}

vi.mock('../../src/gateway/transport/start-transport.ts', async (original) => {
  const { startTransport } = await original<typeof Start>();
  const start: typeof Start.startTransport = (choice, options, handlers, warn) => {
    const upgrade: typeof handlers.upgrade = (request) => silent(handlers.upgrade(request));
    return startTransport(choice, options, { ...handlers, upgrade }, warn);
  };
  return { startTransport: start };
});

const SYMBOLS = Array.from({ length: 400 }, (_, i) => `SYM-${i}`);
const TIME = 1_700_000_000_000;

/** A reader paused until its socket was full, and what it lacks. */
interface Stalled {
  readonly port: number;
  readonly subscriber: IndependentSubscriber;
  readonly rounds: number;
}

async function stall(transport: TransportName, heartbeatMs: number): Promise<Stalled> {
  const { port } = await serverForTest({
    server: { transport, heartbeatMs },
    processing: { overflow: 'wait' },
    stream: { slowSessionCloseMs: 86_400_000, socketBufferBytesMax: 65_536 },
  });
  const publisher = await publisherForTest(port, 'feed');
  publisher.declare(0, SYMBOLS);
  const subscriber = await subscriberForTest(port, { json: true });
  await subscriber.subscribe(SYMBOLS, { anomalies: false });
  subscriber.pause();
  let rounds = 0;
  await untilStalled(port, [subscriber], async () => {
    for (let i = 0; i < 40; i++) {
      const price = 100 + Math.sin(rounds) / 3;
      publisher.publish(SYMBOLS.map((symbol) => ({ symbol, price, time: TIME + rounds })));
      await publisher.acknowledged();
      rounds++;
    }
  });
  return { port, subscriber, rounds };
}

async function expectCaughtUp({ subscriber, rounds }: Stalled): Promise<void> {
  for (const symbol of SYMBOLS) await subscriber.counted(symbol, rounds);
}

onTransports((transport) => {
  it('a session whose socket drained silently is swept now and then', async () => {
    const stalled = await stall(transport, 200);
    // No more news.
    stalled.subscriber.resume();
    await expectCaughtUp(stalled);
  });

  it('a session whose socket was full is tried again on any news', async () => {
    // Three minutes between sweeps.
    const stalled = await stall(transport, 3_600_000);
    const { port, subscriber, rounds } = stalled;
    const other = await publisherForTest(port, 'other');
    subscriber.resume();
    const isCaughtUp = () =>
      SYMBOLS.every((symbol) => subscriber.mirror.get(symbol)?.count === rounds);
    const deadline = performance.now() + 30_000;
    for (let i = 0; !isCaughtUp(); i++) {
      expect(performance.now(), 'still behind').toBeLessThan(deadline);
      other.publish([{ symbol: 'NOT-SUBSCRIBED', price: 1 + i, time: TIME + i }]);
      await other.acknowledged();
    }
    await expectCaughtUp(stalled);
  });
});
