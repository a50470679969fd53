import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
