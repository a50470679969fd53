import { describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { UnacknowledgedFrames } from '../../src/publisher/unacknowledged-frames.ts';

function framesOf(...ticks: number[]): UnacknowledgedFrames {
  const frames = new UnacknowledgedFrames();
  for (const [i, count] of ticks.entries()) {
    frames.push({ sequence: i + 1, from: i * 100, ticks: count });
  }
  return frames;
}

describe('UnacknowledgedFrames', () => {
  it('hands out each frame once, in order', () => {
    const frames = framesOf(10, 20);
    expect(frames.nextToSend?.sequence).toBe(1);
    frames.markSent();
    expect(frames.nextToSend?.sequence).toBe(2);
    frames.markSent();
    expect(frames.nextToSend).toBeUndefined();
    expect(frames.ticksSent).toBe(30);
  });

  it('drops acknowledged frames', () => {
    const frames = framesOf(10, 20, 30);
    frames.markSent();
    frames.markSent();
    expect(frames.acknowledge(1)).toBe(10);
    expect(frames.ticksSent).toBe(20);
    expect(frames.length).toBe(2);
    expect(frames.acknowledge(1)).toBe(0);
  });

  it('sends again after a rewind, and skips what is acknowledged meanwhile', () => {
    const frames = framesOf(10, 20, 30);
    for (let i = 0; i < 3; i++) frames.markSent();
    frames.rewind();
    expect(frames.ticksSent).toBe(0);
    expect(frames.acknowledge(2)).toBe(30);
    expect(frames.ticksSent).toBe(0);
    expect(frames.nextToSend?.sequence).toBe(3);
  });

  it('finds frames by their sequence, and clears', () => {
    const frames = framesOf(10, 20, 30);
    for (let i = 0; i < 3; i++) frames.markSent();
    frames.acknowledge(1);
    expect([1, 2, 3, 4].map((sequence) => frames.find(sequence)?.from)).toEqual([
      undefined,
      100,
      200,
      undefined,
    ]);
    frames.clear();
    expect(frames.length).toBe(0);
    expect(frames.ticksSent).toBe(0);
    expect(frames.find(2)).toBeUndefined();
    frames.push({ sequence: 2, from: 10, ticks: 5 });
    expect(frames.nextToSend?.sequence).toBe(2);
  });

  it('agrees with a plain list, whatever happens', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('push' as const) },
      { weight: 4, arbitrary: fc.constant('send' as const) },
      { weight: 2, arbitrary: fc.constant('acknowledge' as const) },
      { weight: 1, arbitrary: fc.constant('rewind' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const frames = new UnacknowledgedFrames();
        let list: { sequence: number; ticks: number; isSent: boolean }[] = [];
        let sequence = 0;
        for (const name of steps) {
          if (name === 'push') {
            // Many at once, so that compaction happens.
            for (let i = 0; i < 100; i++) {
              sequence++;
              frames.push({ sequence, from: sequence * 7, ticks: sequence % 7 });
              list.push({ sequence, ticks: sequence % 7, isSent: false });
            }
          } else if (name === 'send') {
            for (let i = 0; i < 60; i++) {
              const next = list.find(({ isSent }) => !isSent);
              frames.markSent();
              if (next !== undefined) next.isSent = true;
            }
          } else if (name === 'rewind') {
            frames.rewind();
            for (const frame of list) frame.isSent = false;
          } else {
            const last = list[Math.floor(list.length / 2)]?.sequence ?? 0;
            frames.acknowledge(last);
            list = list.filter((frame) => frame.sequence > last);
          }
          expect(frames.length).toBe(list.length);
          expect(frames.nextToSend?.sequence).toBe(list.find(({ isSent }) => !isSent)?.sequence);
          for (const { sequence: known } of list.slice(0, 3)) {
            expect(frames.find(known)?.from).toBe(known * 7);
          }
          const sent = list.filter(({ isSent }) => isSent);
          expect(frames.ticksSent).toBe(sent.reduce((sum, { ticks }) => sum + ticks, 0));
        }
      }),
      { numRuns: 20, seed: 7 },
    );
  });
});
