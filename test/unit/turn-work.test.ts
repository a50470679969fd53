import { describe, expect, it, vi } from 'vitest';
import { BackgroundTasks } from '../../src/gateway/limits/background-tasks.ts';

describe('BackgroundTasks', () => {
  it('does one step at a time, in turns, and rests as long as each took', async () => {
    const STEP_MS = 8;
    const work = new BackgroundTasks((error) => {
      throw error;
    });
    const done: string[] = [];
    const starts: number[] = [];
    const add = (name: string, steps: number) => {
      work.add(() => {
        starts.push(performance.now());
        while (performance.now() - (starts.at(-1) as number) < STEP_MS);
        done.push(name);
        if (steps > 1) add(name, steps - 1);
      });
    };
    add('a', 3);
    add('b', 2);
    expect(done).toEqual([]);
    await vi.waitUntil(() => done.length === 5, { timeout: 30_000, interval: 5 });
    expect(done).toEqual(['a', 'b', 'a', 'b', 'a']);
    for (const [i, start] of starts.slice(1).entries()) {
      // Timers may come a millisecond early.
      expect(start - (starts[i] as number)).toBeGreaterThan(2 * STEP_MS - 1.5);
    }
  });
});
