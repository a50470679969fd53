const POLL_MS = 5;
const TIMEOUT_MS = 30_000;

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Waits for a condition.
 *
 * @throws Error naming `what` when it does not hold in time
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = String(condition),
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for: ${what}`);
    await delay(POLL_MS);
  }
}

/**
 * Reads something until it is as it should be.
 *
 * @throws Error with what was read last when that takes too long
 */
export async function eventually<Value>(
  read: () => Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (performance.now() > deadline) {
      throw new Error(`Waited ${TIMEOUT_MS} ms; still ${JSON.stringify(value).slice(0, 500)}`);
    }
    await delay(POLL_MS);
  }
}
