import { expect, it } from 'vitest';
import { PendingDurable } from '../../src/gateway/ingest/acknowledgements.ts';

it('frames that are sent again are held back once, and settled with the rest', () => {
  const frames = new PendingDurable();
  frames.add(3, 10);
  frames.add(4, 20);
  // After a refusal a publisher resends everything unacknowledged.
  frames.add(3, 10);
  frames.add(4, 20);
  frames.add(5, 1);
  expect(frames.ticks).toBe(31);
  frames.settle(3);
  expect(frames.ticks).toBe(21);
  frames.add(4, 20);
  frames.settle(5);
  expect(frames.ticks).toBe(0);
});
