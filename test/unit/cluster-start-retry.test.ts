import { describe, expect, it } from 'vitest';
import { onceElected } from '../../src/cluster/start-retry.ts';

const LASTING = new Error('replicas beyond the number of servers');

/** Fails with the errors, one after the other, then returns how often it was called. */
function failing(...errors: readonly Error[]): () => Promise<number> {
  let calls = 0;
  return async () => {
    const error = errors[calls++];
    if (error !== undefined) throw error;
    return calls;
  };
}

function run(act: () => Promise<number>) {
  const warnings: unknown[] = [];
  const log = {
    info: () => undefined,
    warn: (fields: object, message?: string) => warnings.push({ ...fields, message }),
    error: () => undefined,
  };
  return { warnings, result: onceElected(act, (error) => error === LASTING, log) };
}

describe('a start beside brokers that start', () => {
  it('tries again until they answer, and warns once', async () => {
    const { result, warnings } = run(failing(new Error('timeout'), new Error('no leader')));
    expect(await result).toBe(3);
    expect(warnings).toEqual([
      { reason: 'timeout', message: 'the brokers of the cluster are not ready yet' },
    ]);
  });

  it('ends at once at what does not change', async () => {
    const { result, warnings } = run(failing(LASTING));
    await expect(result).rejects.toBe(LASTING);
    expect(warnings).toEqual([]);
  });
});
