import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { beforeAll, describe, expect, test } from 'vitest';
import { folderForSuite } from '../../../test/support/folders.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PACKAGE = join(ROOT, 'client-sdk');
const BIN = join(ROOT, 'node_modules/.bin');
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

const EXPECTED = [
  'package.json',
  'LICENSE',
  'README.md',
  'dist/index.js',
  'dist/react.js',
  'dist/cjs/index.js',
  'dist/cjs/react.js',
  'dist/script/tickwire.js',
];
const KNOWN = [
  /^(LICENSE|README\.md)$/,
  /^((react|script|dist\/cjs|dist\/script)\/)?package\.json$/,
  /^dist\/((cjs|script)\/)?[\w-]+\.js(\.map)?$/,
  /^dist\/(cjs\/)?types\/.*\.d\.ts$/,
  /^dist\/script\/tickwire\.d\.ts$/,
];
/** Two thirds are source maps. */
const TARBALL_BYTES_MAX = 400_000;

const folder = folderForSuite();
let tarball = '';
let project = '';
let installed = '';

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: PACKAGE,
  });
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>);
  tarball = join(folder, packed?.filename ?? '');
  project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', ...flags, tarball], { cwd: project });
  installed = join(project, 'node_modules/@tickwire/client');
});

describe('the package', () => {
  test('passes publint', async () => {
    const { buffer, byteOffset, byteLength } = await readFile(tarball);
    const content = buffer.slice(byteOffset, byteOffset + byteLength);
    const { messages } = await publint({ pack: { tarball: content }, strict: true });
    expect(messages).toEqual([]);
  });

  test('has types for every kind of import, old resolvers included', async () => {
    // Fails if there is a problem in any resolution.
    const { stdout } = await run(join(BIN, 'attw'), [tarball, '--format', 'json']);
    const { analysis } = JSON.parse(stdout) as {
      analysis: { types: unknown; entrypoints: object; problems: unknown[] };
    };
    expect(analysis.types).toMatchObject({ kind: 'included' });
    const entries = ['.', './react', './script', './package.json'];
    expect(Object.keys(analysis.entrypoints)).toEqual(entries);
    expect(analysis.problems).toEqual([]);
  });

  test('contains the expected files only', async ({ annotate }) => {
    const files = await filesIn(installed);
    for (const file of EXPECTED) expect(files).toContain(file);
    expect(files.filter((file) => !KNOWN.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files.filter((file) => /test/i.test(file))).toEqual([]);
    for (const file of files) {
      const text = await readFile(join(installed, file), 'utf8');
      expect(text.includes(ROOT), file).toBe(false);
      expect(/["'(](\/(home|root|Users|tmp)\/|file:|[A-Z]:\\)/.exec(text), file).toBeNull();
    }
    const { size } = await stat(tarball);
    await annotate(`${size} bytes packed, ${files.length} files`);
    expect(size).toBeLessThan(TARBALL_BYTES_MAX);
  });

  test('has a source map with all sources beside each script', async () => {
    const files = await filesIn(installed);
    const scripts = files.filter((file) => file.endsWith('.js'));
    expect(scripts.length).toBeGreaterThanOrEqual(7);
    for (const file of scripts) {
      const text = await readFile(join(installed, file), 'utf8');
      const [, map = ''] = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(text) ?? [];
      expect(map, file).toBe(`${basename(file)}.map`);
      const { sources, sourcesContent } = JSON.parse(
        await readFile(join(installed, dirname(file), map), 'utf8'),
      ) as { sources: string[]; sourcesContent: (string | null)[] };
      expect(sources.length, map).toBeGreaterThan(0);
      for (const [i, source] of sources.entries()) expect(sourcesContent[i], source).toBeTruthy();
    }
  });

  test('names existing files to tools without "exports"', async () => {
    for (const folder of ['.', 'react', 'script']) {
      const path = join(installed, folder);
      const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Record<
        string,
        string | undefined
      >;
      const names = ['main', 'module', 'types', 'unpkg', 'jsdelivr'];
      const named = names.flatMap((name) => manifest[name] ?? []);
      expect(named.length).toBeGreaterThanOrEqual(2);
      for (const file of named) expect(existsSync(join(path, file)), file).toBe(true);
    }
  });

  test('has the script that servers serve', async () => {
    const script = await readFile(join(installed, 'dist/script/tickwire.js'), 'utf8');
    expect(script).toBe(await readFile(join(ROOT, 'dist/public/sdk/tickwire.js'), 'utf8'));
  });

  test('marks its React entry for server components, also as CommonJS', async () => {
    for (const file of ['dist/react.js', 'dist/cjs/react.js']) {
      expect(await readFile(join(installed, file), 'utf8'), file).toMatch(/^"use client";\n/);
    }
  });

  test('has the license of the project, and no dependencies', async () => {
    const license = await readFile(join(installed, 'LICENSE'), 'utf8');
    expect(license).toBe(await readFile(join(ROOT, 'LICENSE'), 'utf8'));
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.optionalDependencies).toBeUndefined();
    expect(await readdir(join(project, 'node_modules'))).toEqual([
      '.package-lock.json',
      '@tickwire',
    ]);
  });
});

describe('installed from its tarball', () => {
  test('loads in Node on its own', async () => {
    const script = `
      const { connect, connectPublisher } = await import('@tickwire/client');
      const subscriber = connect('ws://127.0.0.1:9');
      subscriber.close();
      console.log(typeof connectPublisher, subscriber.state);`;
    expect(await runModule('plain.js', script)).toBe('function closed');
  });

  test('loads as CommonJS, with the same names', async () => {
    const script = `
      const client = require('@tickwire/client');
      const subscriber = client.connect('ws://127.0.0.1:9');
      subscriber.close();
      import('@tickwire/client').then((modules) => {
        const names = Object.keys(modules).sort().join();
        console.log(subscriber.state, names === Object.keys(client).sort().join());
      });
      console.log(require.resolve('@tickwire/client').endsWith('/dist/cjs/index.js'));`;
    expect(await runModule('plain.cjs', script)).toBe('true\nclosed true');
  });

  test('loads what is imported on demand, as module and as CommonJS', async () => {
    const script = `
      const { connect } = await import('@tickwire/client');
      const subscriber = connect('ws://127.0.0.1:9');
      subscriber.close();
      await subscriber.ticks('A', { from: 'noon' }).toArray().catch(console.log);`;
    const asCommonJs = `(async () => {${script.replace(/await import/, 'require')}})();`;
    for (const [name, program] of Object.entries({ 'past.js': script, 'past.cjs': asCommonJs })) {
      expect(await runModule(name, program)).toContain('options.from: expected a time, got noon');
    }
  });

  test('finds ws, both as module and as CommonJS, where there is no WebSocket', async () => {
    const script = `
      const { connect } = await import('@tickwire/client');
      delete globalThis.WebSocket;
      const subscriber = connect('ws://127.0.0.1:9', { giveUpAfterMs: 0 });
      await subscriber.ready.catch((error) => console.log(error.message));`;
    const asCommonJs = `(async () => {${script.replace(/await import/, 'require')}})();`;
    const programs = { 'no-socket.js': script, 'no-socket.cjs': asCommonJs };
    for (const [name, program] of Object.entries(programs)) {
      expect(await runModule(name, program)).toContain('install the package ws');
    }
    await link('ws');
    for (const [name, program] of Object.entries(programs)) {
      expect(await runModule(name, program)).toContain('ECONNREFUSED');
    }
  });

  test('its React entry loads with React', async () => {
    await link('react', 'react-dom');
    const script = `
      import { createElement } from 'react';
      import { renderToString } from 'react-dom/server';
      import { TickwireProvider, useConnectionState, useSymbol } from '@tickwire/client/react';
      function Price() {
        return useConnectionState() + ' ' + String(useSymbol('BTC-USD'));
      }
      const url = 'ws://127.0.0.1:9';
      const page = createElement(TickwireProvider, { url }, createElement(Price));
      console.log(renderToString(page));`;
    // Rendering on a server does not connect: the process ends by itself.
    expect(await runModule('react.js', script)).toBe('connecting undefined');
  });

  test('its React entry loads as CommonJS', async () => {
    await link('react', 'react-dom');
    const script = `
      const { createElement } = require('react');
      const { renderToString } = require('react-dom/server');
      const { TickwireProvider, useConnectionState } = require('@tickwire/client/react');
      const State = () => useConnectionState();
      const url = 'ws://127.0.0.1:9';
      console.log(renderToString(createElement(TickwireProvider, { url }, createElement(State))));`;
    expect(await runModule('react.cjs', script)).toBe('connecting');
  });

  const consumers = [
    {
      platform: 'a browser',
      options: {
        lib: ['ES2022', 'DOM', 'DOM.Iterable'],
        types: [],
        module: 'ESNext',
        moduleResolution: 'Bundler',
      },
    },
    {
      platform: 'Node',
      options: {
        lib: ['ES2022'],
        types: ['node'],
        module: 'NodeNext',
        moduleResolution: 'NodeNext',
      },
    },
  ];
  test.for(consumers)(
    'a strict program for $platform compiles against its types',
    async (consumer) => {
      await link('react', '@types/react', '@types/node', 'csstype', 'undici-types');
      await writeFile(join(project, 'consumer.ts'), CONSUMER);
      const compilerOptions = {
        ...consumer.options,
        target: 'ES2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
      };
      const config = { compilerOptions, files: ['consumer.ts'] };
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config));
      expect(await compile()).toBe('');
    },
  );
});

const CONSUMER = `
import { connect, connectPublisher } from '@tickwire/client';
import type { Anomaly, Subscriber, Update } from '@tickwire/client';
import { TickwireProvider, useAnomalies, useSymbol } from '@tickwire/client/react';
import { createElement, type ReactElement } from 'react';

const subscriber: Subscriber = connect('ws://127.0.0.1:9001', { conflateMs: 100 });
subscriber.subscribe(['BTC-USD', 'ETH-*'], { anomalies: false });
// @ts-expect-error An option that does not exist.
subscriber.subscribe('BTC-USD', { anomaly: false });
const stop: () => void = subscriber.on('update', ({ changes, serverTime }: Update) => {
  for (const { symbol, currentPrice } of changes) show(symbol, currentPrice - serverTime);
});
stop();
for await (const anomaly of subscriber.anomalies()) list(anomaly);
for await (const { price, timestamp } of subscriber.ticks('BTC-USD', { from: new Date() })) {
  show('BTC-USD', price - timestamp);
}
declare function show(symbol: string, price: number): void;
declare function list(anomaly: Anomaly): void;

const publisher = connectPublisher('ws://127.0.0.1:9001', { publisher: 'feed-a' });
const hasRoom: boolean = publisher.publish('BTC-USD', 64_250.5);
if (!hasRoom) await publisher.ready;
// @ts-expect-error A price is a number.
publisher.publish('BTC-USD', '64250.5');

export function Price(): ReactElement {
  const price: number | undefined = useSymbol('BTC-USD', ({ currentPrice }) => currentPrice);
  const newest: Anomaly | undefined = useAnomalies('*')[0];
  // @ts-expect-error The selection is a number.
  const text: string | undefined = useSymbol('BTC-USD', ({ currentPrice }) => currentPrice);
  return createElement('p', { id: text }, price ?? '…', newest?.symbol);
}
export const page = createElement(TickwireProvider, { subscriber }, createElement(Price));
`;

/** Links installed packages into the project. */
async function link(...names: string[]): Promise<void> {
  for (const name of names) {
    const path = join(project, 'node_modules', name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
}

async function runModule(name: string, script: string): Promise<string> {
  await writeFile(join(project, name), script);
  const { stdout } = await run(process.execPath, [name], { cwd: project, timeout: 30_000 });
  return stdout.trim();
}

/** The compiler's output. */
async function compile(): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [COMPILER, '-p', '.'], { cwd: project });
    return stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}
