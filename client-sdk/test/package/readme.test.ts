import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { BuildOptions } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { CloseCode, isReconnectable } from '../../../src/protocol/index.ts';
import { ConfigFolder, folderForSuite } from '../../../test/support/folders.ts';
import { HttpClient } from '../../../test/support/http-client.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { openBrowser } from '../../../testkit/chromium.ts';
import { TempFolder } from '../../../testkit/temp-folder.ts';
import { eventually } from '../../../testkit/until.ts';
import { bundleForPage } from '../support/page-bundle.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PACKAGE = join(ROOT, 'client-sdk');
const TYPES = join(PACKAGE, 'dist/cjs/types/client-sdk/src');
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');

/** Chapters of the README: heading and text. */
const chapters = new Map(
  README.split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
);
const SAMPLE = /```(html|js|tsx)\n([\s\S]*?)```/g;

/** These pages are not of the server's origin. */
const ANY_PAGE = { allowedOrigins: '*' };

const folder = folderForSuite();
let server: TestServer;
let http: HttpClient;
let browser: Browser;

beforeAll(async () => {
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await link('@tickwire/client', PACKAGE);
  for (const name of ['ws', 'react', 'react-dom', '@types/react', '@types/node', 'csstype']) {
    await link(name, join(ROOT, 'node_modules', name));
  }
  [server, browser] = await Promise.all([startTestServer({ server: ANY_PAGE }), openBrowser()]);
  http = await HttpClient.connect(server.port);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

describe('each sample of the README does what it says', () => {
  /** By the chapter of the sample. */
  const runs: Readonly<Record<string, () => Promise<void>>> = {
    'A page in ten lines': async () => {
      await http.post([
        { symbol: 'TEN-1', price: 1.5 },
        { symbol: 'TEN-2', price: 2.5 },
      ]);
      const page = await openPage(here(sampleOf('A page in ten lines')));
      await shown(page, 'ul', /TEN-1 1\.5.*TEN-2 2\.5/);
      await http.post({ symbol: 'TEN-2', price: 2.51 });
      await shown(page, 'ul', /TEN-2 2\.51/);
    },

    'With a bundler': async () => {
      const script = await bundle('bundler.js', here(sampleOf('With a bundler')));
      const page = await openPage(
        '<b id="price"></b><script type="module" src="x.js"></script>',
        script,
      );
      await shown(page, '#price', /…/);
      await http.post({ symbol: 'BTC-USD', price: 64_250.5 });
      await shown(page, '#price', /64250\.50/);
      expect(await page.locator('#price.stale').count()).toBe(0);
    },

    'In Node': async () => {
      const program = await run('node.js', here(sampleOf('In Node')));
      await http.post({ symbol: 'ETH-EUR', price: 3000 });
      await program.says(/^ETH-EUR 3000 3000$/m);
      await http.post({ symbol: 'ETH-EUR', price: 3010 });
      await program.says(/^ETH-EUR 3010 3005$/m);
    },

    'Anomalies, none missed': async () => {
      // Earlier samples have ended, so the next one is this sample's.
      await eventually(
        async () => (await http.metrics()).get('tickwire_subscriptions') ?? 0,
        (count) => count === 0,
      );
      const program = await run('anomalies.js', here(sampleOf('Anomalies, none missed')));
      await eventually(
        async () => (await http.metrics()).get('tickwire_subscriptions') ?? 0,
        (count) => count > 0,
      );
      await http.post([1, 2].map((n) => ({ symbol: 'LEAP', price: 100 * n, timestamp: n })));
      await program.says(/^LEAP 1: 100\.00 % to 200$/m);
      await eventually(
        () => readFile(join(folder, 'seen.json'), 'utf8').catch(() => ''),
        (text) => text.includes('["LEAP",1]'),
      );
      program.end();
      await http.post({ symbol: 'LEAP', price: 300, timestamp: 3 });
      await http.settled();
      const next = await run('anomalies.js', here(sampleOf('Anomalies, none missed')));
      await next.says(/^LEAP 2: 200\.00 % to 300$/m);
      expect(next.output()).not.toContain('LEAP 1:');
      expect(next.output()).not.toContain('no longer has');
    },

    'Past ticks': async () => {
      using store = new TempFolder();
      const own = await startTestServer({ server: ANY_PAGE, store: { directory: store.path } });
      try {
        const client = await HttpClient.connect(own.port);
        const minute = Math.floor(Date.now() / 60_000 - 2) * 60_000;
        const tick = (price: number) => ({ symbol: 'BTC-USD', price, timestamp: minute + price });
        await client.post([1, 2, 3].map(tick));
        await client.post(tick(60_004));
        const path = '/api/prices/BTC-USD/ticks';
        await eventually(
          () => client.get<{ items: object[] }>(path),
          ({ json }) => json.items.length === 4,
        );
        const program = await run('past.js', here(sampleOf('Past ticks'), own.port));
        expect(await program.exited).toBe(0);
        const time = (price: number) => new Date(minute + price).toISOString();
        expect(program.output()).toBe(
          `${time(3)} 3\n${time(60_004)} 60004\nthe newest 4, up to 60004\n`,
        );
      } finally {
        await own.stop();
      }
    },

    'Alerts of rules': async () => {
      const config = new ConfigFolder();
      onTestFinished(() => config[Symbol.dispose]());
      const rule = { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' };
      config.write('rules.json', { rules: [rule] });
      const own = await startTestServer({
        rules: { file: join(config.path, 'rules.json') },
        store: { directory: join(config.path, 'data') },
      });
      onTestFinished(() => own.stop());
      const client = await HttpClient.connect(own.port);
      const now = Date.now() - 10_000;
      const post = (...ticks: [time: number, price: number][]) =>
        client.post(ticks.map(([ms, price]) => ({ symbol: 'SPY', price, timestamp: now + ms })));
      await post([0, 100], [1, 103]);
      // The clock ends it: its time is long over.
      const path = '/api/alerts?from=2020-01-01T00:00:00Z';
      await eventually(
        () => client.get<{ items: object[] }>(path),
        ({ json }) => json.items.length === 2,
      );
      const program = await run('rules.js', here(sampleOf('Alerts of rules'), own.port));
      await program.says(/^SPY flash 1: end/m);
      await post([2000, 100], [2001, 97]);
      await program.says(/^SPY flash 2: start/m);
      const [start, end, next] = program.output().split('\n');
      expect([start, end, next]).toEqual([
        'SPY flash 1: start (warning, 3.00 %)',
        'SPY flash 1: end (settled)',
        'SPY flash 2: start (warning, -3.00 %)',
      ]);
    },

    'The last 20 anomalies': async () => {
      const own = await startTestServer({ server: ANY_PAGE });
      onTestFinished(() => own.stop());
      const client = await HttpClient.connect(own.port);
      // Each but the first is an anomaly: 25.
      const leap = (n: number) => ({ symbol: 'LEAP', price: 100 * 2 ** n, timestamp: n + 1 });
      await client.post(Array.from({ length: 26 }, (_, n) => leap(n)));
      await client.settled();
      const program = await run('newest.js', here(sampleOf('The last 20 anomalies'), own.port));
      const shownLeaps = () =>
        [...program.output().matchAll(/^.* LEAP \d+\.00 % to (\d+)$/gm)].map(([, price]) =>
          Math.log2(Number(price) / 100),
        );
      const newest20 = (last: number) => Array.from({ length: 20 }, (_, i) => last - i);
      await eventually(
        () => Promise.resolve(shownLeaps()),
        ({ length }) => length >= 20,
      );
      expect(shownLeaps(), program.output()).toEqual(newest20(25));
      await client.post(leap(26));
      await eventually(
        () => Promise.resolve(shownLeaps()),
        ({ length }) => length >= 40,
      );
      expect(shownLeaps().slice(20), program.output()).toEqual(newest20(26));
    },

    'What the connection is doing': async () => {
      const first = await startTestServer({ server: ANY_PAGE });
      const sample = sampleOf('What the connection is doing');
      const program = await run('states.js', here(sample, first.port));
      await program.says(/^live$/m);
      await first.stop();
      await program.says(/^reconnecting: lost \(\d{4}\), next attempt in \d+ ms$/m);
      const second = await startTestServer({ server: { ...ANY_PAGE, port: first.port } });
      onTestFinished(() => second.stop());
      await program.says(/everything starts over\nlive$/m);
    },

    Proof: async () => {
      await http.post({ symbol: 'PROOF', price: 1 });
      const program = await run('proof.js', here(sampleOf('Proof')));
      await program.says(/^in sync: [1-9]\d* symbols$/m);
      expect(await program.exited).toBe(0);
    },

    React: async () => {
      await http.post({ symbol: 'BTC-USD', price: 70_000 });
      await writeFile(join(folder, 'app.tsx'), here(sampleOf('React')));
      const script = await bundle(
        'react.js',
        `import { createElement } from 'react';
        import { createRoot } from 'react-dom/client';
        import { App } from './app.tsx';
        createRoot(document.getElementById('root')).render(createElement(App));`,
      );
      const page = await openPage(
        '<div id="root"></div><script type="module" src="x.js"></script>',
        script,
      );
      await shown(page, 'p', /^live$/);
      await shown(page, 'li.live', /^BTC-USD 70000/);
      await http.post([72_000, 75_000].map((price) => ({ symbol: 'BTC-USD', price })));
      await shown(page, 'li.live', /^BTC-USD 75000 ▲$/);
      await shown(page, 'b', /^75000$/);
      await shown(page, 'ol', /^BTC-USD/);
    },

    Publishing: async () => {
      // Dropped ticks would not be accepted.
      const own = await startTestServer({ server: ANY_PAGE, processing: { overflow: 'wait' } });
      onTestFinished(() => own.stop());
      const program = await run('publisher.js', here(sampleOf('Publishing'), own.port));
      await program.says(/^100000 accepted, 0 rejected$/m);
      expect(await program.exited).toBe(0);
      const client = await HttpClient.connect(own.port);
      await client.settled();
      const { json } = await client.get('/api/prices/BTC-USD');
      expect(json).toMatchObject({ updateCount: 100_000 });
    },

    'Several servers': async () => {
      const closed = 'ws://127.0.0.1:1';
      const sample = sampleOf('Several servers')
        .replaceAll('wss://edge-1.example.com', closed)
        .replaceAll('wss://edge-2.example.com', `ws://127.0.0.1:${server.port}`);
      expect(sample).toContain(closed);
      const shows = `subscriber.subscribe('EDGE');
        subscriber.on('update', ({ changes }) => console.log(changes[0].currentPrice));
        publisher.publish('EDGE', 7);`;
      const program = await run('several.js', `${sample}\n${shows}`);
      await program.says(/^7$/m);
    },
  };

  test('each has a test', () => {
    const withSamples = [...chapters].filter(([, text]) => text.match(SAMPLE) !== null);
    expect(Object.keys(runs)).toEqual(withSamples.map(([heading]) => heading));
    for (const [, text] of withSamples) expect(text.match(SAMPLE)).toHaveLength(1);
  });

  test.for(Object.entries(runs))('%s', ([, check]) => check());

  test('they compile', async () => {
    const sources: string[] = [];
    for (const [heading, text] of chapters) {
      for (const [, language, code = ''] of text.matchAll(SAMPLE)) {
        if (language === 'html') continue;
        const name = `checked ${heading.replace(/\W/g, '-')}.${language}`;
        await writeFile(join(folder, name), code);
        sources.push(name);
      }
    }
    const compilerOptions = {
      target: 'ES2023',
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      types: ['node'],
      module: 'ESNext',
      moduleResolution: 'Bundler',
      jsx: 'react-jsx',
      allowJs: true,
      checkJs: true,
      // Samples may rely on elements of their page.
      strict: false,
      skipLibCheck: true,
      noEmit: true,
    };
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: sources }),
    );
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const compiled = promisify(execFile)(process.execPath, [compiler, '-p', folder]);
    const complaints = await compiled.then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    expect(complaints).toBe('');
  });
});

describe('the tables of the README match the code', () => {
  const options = tablesOf('Options');
  test.for([
    [0, 'connection/connect-options', 'ConnectOptions'],
    [1, 'subscriber/subscriber-options', 'SubscriberOptions'],
    [2, 'subscriber/subscription', 'SubscriptionOptions'],
    [3, 'publisher/publisher-options', 'PublisherOptions'],
  ] as const)('options %i: %s', async ([index, file, name]) => {
    const members = await membersOf(file, name);
    const table = options[index] ?? [];
    expect(table.map(([option]) => option)).toEqual([...members.keys()]);
    for (const [option = '', preset = ''] of table) {
      if (preset === 'none') continue;
      // The comment of the option says so too.
      const [first = ''] = preset.split(',');
      const comment = (members.get(option) ?? '').replaceAll('`', '');
      expect(comment, option).toMatch(new RegExp(`\\bdefault:? ${first}`, 'i'));
    }
  });

  test('options of past ticks', async () => {
    const [table = []] = tablesOf('Past ticks');
    const members = await membersOf('subscriber/past-ticks', 'TicksOptions');
    expect(table.map(([option]) => option)).toEqual([...members.keys()]);
  });

  test('options of past alerts', async () => {
    const [table = []] = tablesOf('Alerts of rules');
    const members = await membersOf('subscriber/past-alerts', 'AlertsOptions');
    expect(table.map(([option]) => option)).toEqual([...members.keys()]);
  });

  const events = tablesOf('Events');
  test.for([
    [0, 'subscriber/subscriber-events', 'SubscriberEvents'],
    [1, 'publisher/publisher-events', 'PublisherEvents'],
  ] as const)('events %i: %s', async ([index, file, name]) => {
    const members = await membersOf(file, name);
    expect((events[index] ?? []).map(([event]) => event)).toEqual([...members.keys()]);
  });

  test.for([
    ['update', 'subscriber/subscriber-events', 'Update'],
    ['anomaly', 'subscriber/anomaly', 'Anomaly'],
    ['gap', 'subscriber/anomaly', 'AnomalyGap'],
    ['alert', 'subscriber/alert', 'Alert'],
    ['state', 'connection/connection', 'StateChange'],
    ['reject', 'publisher/publisher-events', 'Rejection'],
    ['ack', 'publisher/publisher-events', 'Acknowledgement'],
  ] as const)('what the event %s carries', async ([event, file, name]) => {
    const row = events.flat().find(([first]) => first === event);
    const carried = (row?.[1] ?? '').match(/\w+/g);
    expect(carried?.sort()).toEqual([...(await membersOf(file, name)).keys()].sort());
  });

  test('states', async () => {
    const text = await readFile(join(TYPES, 'connection/connection.d.ts'), 'utf8');
    const [, union = ''] = /type ConnectionState = (.*);/.exec(text) ?? [];
    const states = union.split(' | ').map((state) => state.replaceAll("'", ''));
    const [table = []] = tablesOf('What the connection is doing');
    expect(table.map(([state]) => state)).toEqual(states);
  });

  test('fields of the statistics', async () => {
    const members = await membersOf('subscriber/symbol-statistics', 'SymbolStatistics');
    const [table = []] = tablesOf('With a bundler');
    const fields = table.flatMap(([names = '']) => names.split(', '));
    expect(fields.sort()).toEqual([...members.keys()].sort());
  });

  test('hooks', async () => {
    const door = await readFile(join(TYPES, 'react.d.ts'), 'utf8');
    const [table = []] = tablesOf('React');
    const described = new Set(table.map(([call = '']) => call.replace(/\(.*/, '')));
    expect([...described].sort()).toEqual([...new Set(door.match(/\buse[A-Z]\w+/g))].sort());
  });

  test('close codes', () => {
    const [table = []] = tablesOf('How it reconnects');
    expect(table.map(([code]) => Number(code))).toEqual(Object.values(CloseCode));
    for (const [code, , then = ''] of table) {
      expect(then.startsWith('comes back'), code).toBe(isReconnectable(Number(code)));
    }
  });

  test('sizes', async () => {
    const claimed = new Map(
      (tablesOf('Sizes')[0] ?? []).map(([name = '', kB]) => [name, Number(kB)]),
    );
    const dist = `import * as sdk from '@tickwire/client';`;
    const hooks = `import * as hooks from '@tickwire/client/react'; globalThis.hooks = hooks;`;
    const measured = {
      '@tickwire/client: subscriber': await size(`${dist} globalThis.connect = sdk.connect;`),
      '@tickwire/client: subscriber and React hooks': await size(hooks),
      '@tickwire/client: publisher': await size(`${dist} globalThis.open = sdk.connectPublisher;`),
      '/sdk/tickwire.js: all of it': kilobytes(
        await readFile(join(ROOT, 'dist/public/sdk/tickwire.js'), 'utf8'),
      ),
    };
    for (const [name, kB] of Object.entries(measured)) {
      expect(kB, name).toBeLessThanOrEqual(claimed.get(name) ?? 0);
      expect(kB, `${name}: smaller than claimed`).toBeGreaterThan((claimed.get(name) ?? 0) - 1.5);
    }
  });
});

/** The rows of each table of a chapter, cell by cell, without the header and code marks. */
function tablesOf(heading: string): string[][][] {
  const tables = (chapters.get(heading) ?? '').match(/(^\|.*\n)+/gm) ?? [];
  return tables.map((table) => {
    const rows = table.trim().split('\n').slice(2);
    return rows.map((row) =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
  });
}

/** The members of an interface of the package, with their comments. */
async function membersOf(file: string, name: string): Promise<Map<string, string>> {
  const text = await readFile(join(TYPES, `${file}.d.ts`), 'utf8');
  const from = text.indexOf(`interface ${name} `);
  if (from < 0) throw new Error(`${file} has no interface ${name}: run npm run build`);
  const body = text.slice(from, text.indexOf('\n}', from));
  const members = body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {4}readonly (\w+)/g);
  return new Map(
    [...members].map(([, comment = '', member = '']) => [
      member,
      comment.replace(/\s*\n\s*\*\s*/g, ' '),
    ]),
  );
}

/** The code of a chapter. */
function sampleOf(heading: string): string {
  const [sample] = chapters.get(heading)?.matchAll(SAMPLE) ?? [];
  if (sample?.[2] === undefined) throw new Error(`${heading} has no sample`);
  return sample[2];
}

/** Replaces the URL by that of the test's server. */
function here(text: string, port = server.port): string {
  return text.replaceAll('localhost:9001', `127.0.0.1:${port}`);
}

async function link(name: string, target: string): Promise<void> {
  const path = join(folder, 'node_modules', name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/** A running program. */
interface Program {
  output(): string;
  says(pattern: RegExp): Promise<unknown>;
  end(): void;
  /** Its exit code. */
  readonly exited: Promise<number | null>;
}

async function run(name: string, code: string): Promise<Program> {
  await writeFile(join(folder, name), code);
  const child: ChildProcess = spawn(process.execPath, [name], { cwd: folder });
  onTestFinished(() => {
    child.kill();
  });
  let output = '';
  const note = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on('data', note);
  child.stderr?.on('data', note);
  return {
    output: () => output,
    says: (pattern) =>
      eventually(
        () => Promise.resolve(output),
        (text) => pattern.test(text),
      ),
    end: () => {
      child.kill();
    },
    exited: new Promise((resolve) => {
      child.on('exit', resolve);
    }),
  };
}

/** Bundles a program of the temporary project. */
async function bundle(name: string, code: string): Promise<string> {
  await writeFile(join(folder, name), code);
  const entryPoints = [join(folder, name)];
  const { script } = await bundleForPage({ ...JSX, splitting: false, entryPoints });
  return script;
}

const JSX: BuildOptions = {
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
};

async function size(contents: string): Promise<number> {
  const stdin = { contents, resolveDir: folder };
  const { startBytes } = await bundleForPage({ ...JSX, stdin, external: ['react'] });
  return startBytes / 1000;
}

function kilobytes(text: string): number {
  return gzipSync(text, { level: 9 }).length / 1000;
}

/** Serves a page and a script from an origin of its own, and opens it. */
async function openPage(html: string, script = ''): Promise<Page> {
  const pages: Server = createServer(({ url }, response) => {
    const isScript = url === '/x.js';
    const type = isScript ? 'text/javascript' : 'text/html';
    response.setHeader('content-type', `${type}; charset=utf-8`);
    response.end(isScript ? script : html);
  });
  await new Promise<void>((resolve) => {
    pages.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    pages.close();
  });
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  onTestFinished(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });
  const { port } = pages.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/`);
  return page;
}

async function shown(page: Page, selector: string, pattern: RegExp): Promise<void> {
  const locator = page.locator(selector).first();
  await eventually(
    async () => {
      const [text = ''] = await locator.allTextContents();
      return text;
    },
    (text) => pattern.test(text),
  );
}
