import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type LogCall, logCalls, logCallsIn } from '../support/log-messages.ts';

const PAGE = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');

/** Lines whose text is put together elsewhere: what they say, by file and expression. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  // Settings' warnings, which their own sources have.
  'src/cli.ts: warning': [],
  'src/server.ts: warning': [],
  'src/server-start.ts: warning': [],
  'src/cli.ts: error instanceof Error ? error.message : String(error)': [
    'any other line of level fatal',
  ],
  'src/access/audit.ts: MESSAGES[event]': [
    'authentication failed',
    'action forbidden',
    'limit exceeded',
    'page of another origin refused',
  ],
  'src/gateway/transport/start-transport.ts: `${line} ${REMEDY}`': [
    'uWebSockets.js … … Version 20.57 does better where glibc is 2.38 or newer',
  ],
  // Said by those that call it.
  'feeds/feed-report.ts: text + rest': [],
};

const key = ({ file, source }: LogCall) => `${file}: ${source}`;

describe('the log lines of docs/OPERATIONS.md', () => {
  const calls = logCalls();

  it('are those of level warn and above that the sources have, with their levels', () => {
    expect(calls.length).toBeGreaterThan(55);
    const expected = calls.flatMap((call) => {
      const texts = call.message === undefined ? ELSEWHERE[key(call)] : [call.message];
      expect(texts, `what ${key(call)} says`).toBeDefined();
      return (texts ?? []).map((text) => `${call.level}: ${text}`);
    });
    const rows = [...PAGE.matchAll(/^\| `([^|]+)` \| (warn|error|fatal) \|/gm)].map(
      ([, text, level]) => `${level}: ${text}`,
    );
    expect([...new Set(rows)].sort()).toEqual([...new Set(expected)].sort());
    expect(new Set(rows).size).toBe(rows.length);
  });

  it('leave no place that says something else', () => {
    const known = new Set(calls.map(key));
    expect(Object.keys(ELSEWHERE).filter((place) => !known.has(place))).toEqual([]);
  });

  it('would not be complete with one more in any form', () => {
    const planted = [
      ["log.warn({}, 'a new line');", 'a new line'],
      [`this.#log.error({ a: f(1, 2) }, \`x \${y} z\${rest}\`);`, 'x … z'],
      ["const message =\n 'one ' +\n 'two';\nlog.fatal({}, message);", 'one two'],
      [`log.warn(\n  { a },\n  'one, ' +\n    \`two (\${b}), three\`,\n);`, 'one, two (…), three'],
      [`warnings.push(\`\${name}: odd\`);`, '…: odd'],
      ['log.error({ err }, describe(err));', undefined],
    ] as const;
    for (const [source, message] of planted) {
      expect(logCallsIn(source, 'src/new.ts').map((call) => call.message)).toEqual([message]);
    }
    expect(logCallsIn('interface L { warn(fields: object, message: string): void }', '')).toEqual(
      [],
    );
  });
});
