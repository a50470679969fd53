import { expect, it } from 'vitest';
import { createDoorbell, Doorbell } from '../../src/engine/memory/doorbell.ts';
import { open } from './peers/meet.ts';
import { startPeer } from './peers/start-peer.ts';

/** A later wake-up was lost, ms. */
const MISSED_MS = 2000;

it.each([
  [1, 40_000],
  [2, 20_000],
])('wakes a sleeper every time, rung by %i threads', async (ringers, cycles) => {
  const doorbell = createDoorbell();
  const news = new SharedArrayBuffer(4 * (1 + ringers));
  const gate = new SharedArrayBuffer(4);
  const data = { doorbell, news, gate, cycles };
  await Promise.all(
    Array.from({ length: ringers }, (_, index) => startPeer('bell-ringer', { ...data, index })),
  );
  const words = new Int32Array(news);
  const bell = new Doorbell(doorbell);
  open(new Int32Array(gate));
  const { wakes, missedAt } = await new Promise<{ wakes: number; missedAt: number }>((resolve) => {
    let asked = 0;
    let wakeCount = 0;
    let lastProgress = Date.now();
    const isAnswered = () => {
      for (let i = 1; i <= ringers; i++) if (Atomics.load(words, i) < asked) return false;
      return true;
    };
    // Only the bell calls this; the timer detects a missed ring.
    const timer = setInterval(() => {
      if (Date.now() - lastProgress > MISSED_MS) finish(asked);
    }, 100);
    const finish = (at: number) => {
      clearInterval(timer);
      resolve({ wakes: wakeCount, missedAt: at });
    };
    const step = () => {
      for (;;) {
        while (isAnswered()) {
          if (asked === cycles) return finish(-1);
          asked++;
          lastProgress = Date.now();
          Atomics.store(words, 0, asked);
          Atomics.notify(words, 0);
        }
        bell.arm(wake);
        // News from before it was armed does not ring.
        if (!isAnswered()) return;
      }
    };
    const wake = () => {
      wakeCount++;
      step();
    };
    step();
  });
  expect(missedAt, 'waited in vain for this answer').toBe(-1);
  expect(wakes).toBeGreaterThan(100);
});
