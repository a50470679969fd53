import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { type Server, startServer } from '../../src/server.ts';

const ROOT = new URL('../..', import.meta.url);
const README = readFileSync(new URL('README.md', ROOT), 'utf8');
const ADDRESS = /(?:localhost|127\.0\.0\.1):9001/g;

function blocks(language: string): string[] {
  return (
    [...README.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
      .filter(([, name]) => name === language)
      // A backslash continues a line of a shell.
      .map(([, , code = '']) => code.replaceAll(/\\\n\s*/g, ''))
  );
}

let server: Server;

beforeAll(async () => {
  const config = parseConfig({
    server: { port: 0 },
    processing: { partitions: 1 },
    store: { directory: '' },
  });
  server = await startServer(config, pino({ level: 'silent' }));
});

afterAll(() => server.stop());

function here(text: string): string {
  return text.replace(ADDRESS, `127.0.0.1:${server.port}`);
}

describe('the samples of the README do what they say', () => {
  const curls = blocks('sh')
    .flatMap((code) => code.split('\n'))
    .filter((line) => line.startsWith('curl'));

  test('there are calls to try', () => expect(curls.length).toBeGreaterThan(4));

  // Sent with fetch: with only Node there is no curl. Each curl option must be understood here.
  test.each(curls)('%s', async (line) => {
    const words = line.match(/'[^']*'|\S+/g)?.map((word) => word.replace(/^'|'$/g, '')) ?? [];
    const init: { method?: string; headers: Record<string, string>; body?: string } = {
      headers: {},
    };
    let url = '';
    for (let i = 1; i < words.length; i++) {
      const word = words[i] as string;
      if (word === '-s') continue;
      if (word === '-X') init.method = words[++i] as string;
      else if (word === '-H') {
        const [name = '', value = ''] = (words[++i] as string).split(': ');
        init.headers[name] = value;
      } else if (word === '-d') init.body = words[++i] as string;
      else url = here(`http://${word}`);
    }
    await expect
      .poll(async () => (await fetch(url, init)).status, { timeout: 30_000 })
      .toBeOneOf([200, 202]);
  });

  test('the script', async () => {
    const [code = '', ...others] = blocks('js');
    expect(others).toEqual([]);
    // It imports from the repository's root.
    const file = new URL(`readme-sample-${process.pid}.mjs`, ROOT);
    await writeFile(file, here(code));
    try {
      const run = promisify(execFile);
      const { stdout } = await run(process.execPath, [fileURLToPath(file)], { timeout: 30_000 });
      expect(stdout).toMatch(/^SOL-USD 101 99\.5$/m);
      expect(stdout).toContain('SOL-USD moved by 3.06 %\n');
      expect(stdout).toMatch(/in sync with the server\n$/);
    } finally {
      await rm(file);
    }
  });

  test('flags and variables are accepted', () => {
    const lines = blocks('sh').flatMap((code) => code.split('\n'));
    const serves = lines.filter((line) => line.includes('npm run serve'));
    expect(serves.length).toBeGreaterThan(2);
    for (const line of serves) {
      const [command = ''] = line.split(' #');
      const flags = command.split(' -- ')[1]?.trim().split(/\s+/) ?? [];
      const env: Record<string, string> = Object.fromEntries(
        [...command.matchAll(/(TICKWIRE_\w+)=(\S+)/g)].map(([, name, value]) => [
          name ?? '',
          value ?? '',
        ]),
      );
      expect(readCommandLine(flags, env, '/')).not.toMatchObject({ kind: 'fail' });
    }
  });
});
