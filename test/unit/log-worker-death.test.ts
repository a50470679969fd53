import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { SkippedTick } from '../../src/engine/index.ts';
import { logWorkerDeath } from '../../src/log.ts';

/** A death's log line. */
function logged(tick: SkippedTick | undefined): Record<string, unknown> {
  let line = '';
  const log = pino({ level: 'error' }, { write: (text: string) => (line += text) });
  logWorkerDeath(log, 3, new RangeError('no symbol 900'), tick);
  return JSON.parse(line) as Record<string, unknown>;
}

const TICK = { symbol: 'ACME', price: 12.5, time: 1_700_000_000_123 };

it('names partition, symbol, price and time of a tick that is quarantined', () => {
  const line = logged({ ...TICK, isQuarantined: true });
  expect(line).toMatchObject({ ...TICK, partition: 3, err: { message: 'no symbol 900' } });
  expect(line.msg).toBe('a worker died and is replaced; the tick that killed it is quarantined');
});

it('tells a tick that was merely skipped from it, and a death without one', () => {
  const skipped = logged({ ...TICK, isQuarantined: false });
  expect(skipped).toMatchObject(TICK);
  expect(skipped.msg).toBe('a worker died and is replaced; the tick it was applying is skipped');
  const none = logged(undefined);
  expect(none.msg).toBe('a worker died and is replaced; no tick is lost');
  expect(none).not.toHaveProperty('symbol');
});

it('leaves out what newer ticks have overwritten', () => {
  const unknown = { symbol: 'ACME', price: undefined, time: undefined, isQuarantined: true };
  expect(logged(unknown)).toMatchObject({ symbol: 'ACME' });
  expect(logged(unknown)).not.toHaveProperty('price');
});
