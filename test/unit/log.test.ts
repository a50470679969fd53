import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { SkippedTick } from '../../src/engine/index.ts';
import { logWorkerDeath } from '../../src/engine-log.ts';
import { createLogger } from '../../src/log.ts';
import { folderForSuite } from '../support/folders.ts';

const folder = folderForSuite();

type Arguments = Parameters<typeof createLogger>;

/** Output by the time the calls returned. */
function written(
  [level, format, isTerminal]: [Arguments[0], Arguments[1], Arguments[2]],
  write: (logger: ReturnType<typeof createLogger>) => void,
): string {
  const file = join(folder, 'log');
  const descriptor = openSync(file, 'w');
  try {
    write(createLogger(level, format, isTerminal, descriptor));
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

describe('the log', () => {
  it.each([
    ['json', true],
    ['json', false],
    ['auto', false],
  ] as const)('is one JSON object a line with format %s, terminal %s', (format, isTerminal) => {
    const text = written(['info', format, isTerminal], (logger) => {
      logger.info({ port: 9001 }, 'listening');
      logger.error(new Error('no'), 'stopped');
    });
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      msg: 'listening',
      port: 9001,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ level: 'error', err: { message: 'no' } });
  });

  it.each([
    ['pretty', false],
    ['auto', true],
  ] as const)('is for people with format %s, terminal %s', (format, isTerminal) => {
    const text = written(['info', format, isTerminal], (logger) => logger.info('listening'));
    expect(text).toContain('INFO');
    expect(text).toContain('listening');
    expect(text).not.toContain('{');
    // Colours are for terminals: elsewhere their codes are noise.
    expect(text.includes('\u001b[')).toBe(isTerminal);
  });

  it.each(['json', 'pretty'] as const)('leaves out what is below its level (%s)', (format) => {
    const text = written(['warn', format, false], (logger) => {
      logger.info('unimportant');
      logger.warn('important');
    });
    expect(text).toContain('important');
    expect(text).not.toContain('unimportant');
    expect(written(['silent', format, false], (logger) => logger.fatal('x'))).toBe('');
  });
});

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
