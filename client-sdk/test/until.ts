import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_MS = 30_000;

/**
 * Waits until the condition holds.
 *
 * @throws Error when that takes longer than 30 s
 */
export async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + LONGEST_MS;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`it did not come about: ${String(isDone)}`);
    await sleep(2);
  }
}
