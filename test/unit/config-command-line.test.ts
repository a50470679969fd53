import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { CONFIG_KEYS, CONFIG_SECTIONS } from '../../src/config/keys.ts';
import { defaultConfig } from '../../src/config/parse-config.ts';
import { ConfigFolder } from '../support/folders.ts';

let folder = new ConfigFolder();
beforeAll(() => {
  folder[Symbol.dispose]();
  folder = new ConfigFolder();
});
afterAll(() => folder[Symbol.dispose]());

const read = (argv: string[], env: Record<string, string> = {}) =>
  readCommandLine(argv, env, folder.path);

function printed(argv: string[], env: Record<string, string> = {}): string {
  const command = read(argv, env);
  if (command.kind !== 'print') throw new Error(`${command.kind} instead of print`);
  return command.text;
}

describe('the command line', () => {
  it('runs with the configuration', () => {
    const command = read(['--server.port=0']);
    expect(command).toEqual({
      kind: 'run',
      config: { ...defaultConfig(), server: { ...defaultConfig().server, port: 0 } },
      warnings: [],
    });
  });

  it('tries the sinks of a rule file', () => {
    const options = new Map([['rules', 'rules.json']]);
    expect(read(['sinks', 'test', '--rules', 'rules.json'])).toEqual({
      kind: 'sinks test',
      options,
    });
    expect(read(['sinks', 'test'])).toMatchObject({
      message: 'tickwire sinks test:\n  --rules: expected a rule file, got nothing',
    });
    expect(read(['sinks'])).toMatchObject({
      message: expect.stringContaining('sinks: expected test, got nothing'),
    });
  });

  it('fails with the message that names every fault', () => {
    const command = read(['serve', '--server.port=x']);
    expect(command.kind).toBe('fail');
    expect(command).toMatchObject({ message: expect.stringContaining('has 2 faults') });
  });

  it('prints the version of the package', () => {
    const manifest = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as { version: string };
    expect(printed(['--version'])).toBe(manifest.version);
  });

  it.each(['--help', '-h', '--version'])('answers %s whatever else is wrong', (flag) => {
    expect(read(['--server.port=x', flag, 'y'], { TICKWIRE_NONE: '1' }).kind).toBe('print');
  });

  it.each(['--store.directory', '--auth.jwtSecret', '--nonsense', 'token', 'api-key'])(
    'answers --help after %s',
    (argument) => {
      expect(printed([argument, '--help'])).toMatch(/^Usage: tickwire/);
    },
  );

  it('takes a value that begins with a dash, as a secret may', () => {
    const secret = `-${'s'.repeat(40)}`;
    const command = read([
      '--auth.jwtSecret',
      secret,
      '--store.directory',
      '-x',
      '--server.port=0',
    ]);
    expect(command).toMatchObject({
      kind: 'run',
      config: { auth: { jwtSecret: secret }, store: { directory: '-x' }, server: { port: 0 } },
    });
  });

  it.each([
    ['--server.host', '--server.port=0'],
    ['--server.host', '--', 'x'],
  ])('takes no flag for the value of %s', (...argv) => {
    expect(read(argv)).toMatchObject({
      message: expect.stringMatching(/--server\.host: expected .*, got nothing/),
    });
  });

  it('fails on --print-config with faults', () => {
    expect(read(['--print-config', '--server.port=x']).kind).toBe('fail');
  });
});

describe('--help', () => {
  const help = printed(['--help']);
  const lines = help.split('\n');
  // Wrapped texts, on one line.
  const flowing = help.replace(/\s+/g, ' ');

  it.each(CONFIG_KEYS)('describes $path', ({ path, environmentName, defaultValue, facts }) => {
    const unit = facts.unit === undefined ? '' : ` ${facts.unit}`;
    expect(flowing).toContain(
      ` --${path} ${facts.description} Takes ${facts.expected}. ${environmentName} ` +
        `(default: ${JSON.stringify(defaultValue)}${unit}) `,
    );
  });

  it.each(['--config FILE', '--print-config', '--version', '-h, --help', 'token', 'api-key'])(
    'describes %s',
    (flag) => {
      expect(help).toContain(`  ${flag} `);
    },
  );

  it('fits 100 columns', () => {
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('aligns the descriptions of all keys', () => {
    const columns = lines
      .filter((line) => /^ {2}--\w+\.\w/.test(line))
      .map((line) => /^ {2}\S+ +/.exec(line)?.[0].length);
    expect(columns).toHaveLength(CONFIG_KEYS.length);
    expect(new Set(columns).size).toBe(1);
  });

  it('lists the flags of a section under its name, in the order of the schema', () => {
    const headings = lines.filter((line) => /^[a-z]+:$/.test(line));
    expect(headings).toEqual(CONFIG_SECTIONS.map((section) => `${section}:`));
  });
});

describe('--print-config', () => {
  it('lists every key with its value and where it came from', () => {
    folder.write('tickwire.config.json', { processing: { overflow: 'wait' } });
    const text = printed(['--print-config', '--server.port=7'], { TICKWIRE_LOG_LEVEL: 'warn' });
    const rows = new Map(
      text.split('\n').map((line) => {
        const [path = '', value, source] = line.split(/ {3,}/);
        return [path, [value, source]];
      }),
    );
    expect([...rows.keys()]).toEqual(CONFIG_KEYS.map(({ path }) => path));
    expect(rows.get('server.port')).toEqual(['7', '--server.port']);
    expect(rows.get('log.level')).toEqual(['"warn"', 'TICKWIRE_LOG_LEVEL']);
    expect(rows.get('processing.overflow')).toEqual(['"wait"', 'tickwire.config.json']);
    expect(rows.get('processing.maxSymbols')).toEqual(['65536', 'default']);
  });
});
