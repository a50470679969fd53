import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { folderForSuite } from '../../../test/support/folders.ts';
import { HttpClient } from '../../../test/support/http-client.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { openBrowser } from '../../../testkit/chromium.ts';
import { eventually } from '../../../testkit/until.ts';
import { serveFolder } from '../support/folder-server.ts';
import { isMatrixSupported, MatrixProject } from './matrix-project.ts';

const NODE = process.execPath;

const folder = folderForSuite();
let project: MatrixProject;
let server: TestServer;
let http: HttpClient;
let url = '';
let browser: Browser;

describe.skipIf(!isMatrixSupported)('the packed SDK shows prices of a real server in', () => {
  beforeAll(async () => {
    project = await MatrixProject.install(folder);
    server = await startTestServer({ server: { allowedOrigins: '*' } });
    http = await HttpClient.connect(server.port);
    url = `ws://127.0.0.1:${server.port}`;
    browser = await openBrowser();
  }, 600_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const bundles = Object.entries({
    webpack: (entry: string, out: string) => {
      const target = ['--output-path', out, '--output-filename', 'bundle.js'];
      const args = ['--mode', 'production', '--entry', `./${entry}`, ...target];
      return build('webpack-cli/bin/cli.js', 'vanilla', args);
    },
    esbuild: (entry: string, out: string) => {
      const args = [entry, '--bundle', '--minify', `--outfile=${join(out, 'bundle.js')}`];
      return project.run(project.program('esbuild/bin/esbuild'), args, { in: 'vanilla' });
    },
    Rollup: (entry: string, out: string) => {
      // In one file, what is imported on demand too.
      const target = ['--format', 'iife', '--inlineDynamicImports'];
      target.push('--file', join(out, 'bundle.js'));
      const args = [entry, '--plugin', 'node-resolve={browser:true}', ...target];
      return build('rollup/dist/bin/rollup', 'vanilla', args);
    },
    Parcel: (entry: string, out: string) => {
      const args = ['build', `${entry}.html`, '--no-cache', '--dist-dir', out];
      return build('parcel/lib/bin.js', 'vanilla', args);
    },
  }).flatMap(([bundler, bundle]) => [
    { bundler, bundle, entry: 'page.js' },
    { bundler, bundle, entry: 'page.cjs' },
  ]);
  // Rollup bundles no CommonJS by itself.
  const tried = bundles.filter(({ bundler, entry }) => bundler !== 'Rollup' || entry === 'page.js');

  test.for(tried)('a bundle of $bundler, from $entry', async ({ bundler, bundle, entry }) => {
    const out = project.path('vanilla', `dist ${bundler} ${entry}`);
    await mkdir(out);
    await copyFile(project.path('vanilla/bundled.html'), join(out, 'index.html'));
    saysNothingBad(await bundle(entry, out));
    await showsPrices(`${await serveFolder(out)}/${bundler === 'Parcel' ? `${entry}.html` : ''}`);
  });

  test.for(['vite-react', 'vite-react-18', 'vite-vue', 'vite-svelte'])('%s', async (name) => {
    saysNothingBad(await build('vite/bin/vite.js', name, ['build']));
    await showsPrices(await serveFolder(project.path(name, 'dist')));
  });

  test('the development server of Vite', async () => {
    const args = [project.program('vite/bin/vite.js'), '--host', '127.0.0.1', '--port', '0'];
    const vite = project.start(NODE, args, { in: 'vite-react' });
    await showsPrices(await vite.says(/(http:\/\/127\.0\.0\.1:\d+)\//));
    saysNothingBad(vite.output());
  });

  test('Next, rendered on the server and in the page', async () => {
    const options = { in: 'next', env: { TICKWIRE_URL: url } };
    const next = project.program('next/dist/bin/next');
    // Node 20 would need ws.
    const node = project.node(24);
    saysNothingBad(await project.run(node, [next, 'build'], options));
    const running = project.start(node, [next, 'start', '--port', '0'], options);
    const address = await running.says(/(http:\/\/localhost:\d+)/);
    const price = await postPrice();
    const html = await (await fetch(address)).text();
    expect(html.replaceAll('<!-- -->', '')).toContain(`<p id="price">BTC-USD ${price}</p>`);
    await showsPrices(address);
    saysNothingBad(running.output());
  });

  test('a page with a script tag', async () => {
    const script = project.path('node_modules/@tickwire/client/dist/script');
    await cp(script, project.path('script-tag'), { recursive: true });
    await showsPrices(await serveFolder(project.path('script-tag')));
  });

  const programs = ['price.mjs', 'price.cjs'];
  const onNode = [22, 24, 26].flatMap((major) => programs.map((file) => ({ major, file })));

  test.for(onNode)('Node $major, $file', ({ major, file }) =>
    printsPrice(project.node(major), [file], 'runtime'),
  );

  test.for(programs)('Node 20 with ws, %s', (file) =>
    printsPrice(project.node(20), [file], 'with-ws/runtime'),
  );

  test.for(programs)('Bun, %s', (file) =>
    printsPrice(project.program('@oven/bun-linux-x64-baseline/bin/bun'), [file], 'runtime'),
  );

  test.for(programs)('Deno, %s', (file) => {
    const deno = project.program('@deno/linux-x64-glibc/deno');
    return printsPrice(deno, ['run', '--no-prompt', '--allow-net', file], 'runtime');
  });

  test('Cloudflare Workers', async () => {
    // As Wrangler does, which itself needs a newer Node than the tests.
    const args = ['worker.js', '--bundle', '--format=esm', '--outfile=bundle.js'];
    args.push('--conditions=workerd,worker,browser', '--target=es2024');
    const esbuild = project.program('esbuild/bin/esbuild');
    saysNothingBad(await project.run(esbuild, args, { in: 'worker' }));
    const workerd = project.program('@cloudflare/workerd-linux-64/bin/workerd');
    const running = project.start(workerd, ['serve', 'workerd.capnp', '--control-fd=1'], {
      in: 'worker',
      env: { TICKWIRE_URL: url },
    });
    const port = await running.says(/"socket":"http","port":(\d+)/);
    for (let i = 0; i < 2; i++) {
      const price = await postPrice();
      const response = await fetch(`http://127.0.0.1:${port}/`);
      expect(await response.text()).toBe(`BTC-USD ${price}`);
    }
    saysNothingBad(running.output());
  });

  const jests = [
    { major: 20, file: 'commonjs.test.js' },
    { major: 20, file: 'module.test.mjs' },
    { major: 24, file: 'commonjs.test.js' },
    { major: 24, file: 'module.test.mjs' },
    { major: 24, file: 'jsdom.test.js' },
  ];
  test.for(jests)('Jest on Node $major, $file', async ({ major, file }) => {
    // Only modules need the first flag.
    const args = file.endsWith('.mjs') ? ['--experimental-vm-modules', '--no-warnings'] : [];
    args.push(project.program('jest/bin/jest.js'), '--testMatch', `**/${file}`, '--no-cache');
    const output = await project.run(project.node(major), args, {
      in: major === 20 ? 'with-ws/jest' : 'jest',
      env: { TICKWIRE_URL: url, EXPECTED_PRICE: String(await postPrice()) },
    });
    expect(output).toMatch(/Tests: +1 passed, 1 total/);
    saysNothingBad(output);
  });

  const resolutions = [
    { moduleResolution: 'node10', module: 'commonjs', compiler: 'typescript', extension: 'ts' },
    { moduleResolution: 'node16', module: 'node16', compiler: 'typescript', extension: 'mts' },
    { moduleResolution: 'node16', module: 'node16', compiler: 'typescript-7', extension: 'cts' },
    {
      moduleResolution: 'nodenext',
      module: 'nodenext',
      compiler: 'typescript-7',
      extension: 'mts',
    },
    { moduleResolution: 'bundler', module: 'esnext', compiler: 'typescript-7', extension: 'mts' },
  ];
  test.for(resolutions)(
    'what $compiler compiles: $moduleResolution, .$extension',
    async ({ moduleResolution, module, compiler, extension }) => {
      const name = `typescript ${compiler} ${moduleResolution} ${extension}`;
      await cp(project.path('typescript'), project.path(name), { recursive: true });
      const source = `price.${extension}`;
      const code = await readFile(project.path(name, 'price.ts'));
      await writeFile(project.path(name, source), code);
      const config = {
        extends: './tsconfig.json',
        compilerOptions: { module, moduleResolution, outDir: 'out' },
        files: [source, 'hooks.tsx', 'script-tag.ts'],
      };
      await writeFile(project.path(name, 'tsconfig.own.json'), JSON.stringify(config));
      await build(`${compiler}/bin/tsc`, name, ['-p', 'tsconfig.own.json']);
      await printsPrice(project.node(24), [`out/${source.replace('ts', 'js')}`], name);
    },
  );
});

test('the README names the versions tried', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [table = ''] = /^\| \| tried with \|\n(\|.*\n)+/m.exec(readme) ?? [];
  const claimed = table.match(/\d+\.\d+/g) ?? [];
  const manifests = ['package.json', 'vite-react-18/package.json'].map((file) =>
    readFile(new URL(`matrix/${file}`, import.meta.url), 'utf8'),
  );
  const exact = (await Promise.all(manifests)).join().matchAll(/(\d+\.\d+)\.\d+"/g);
  const tried = new Set([...exact].map(([, version]) => version));
  expect(claimed.length).toBeGreaterThan(15);
  expect(claimed.filter((version) => !tried.has(version))).toEqual([]);
});

test('the page on Next shows the files that run', async () => {
  const page = await readFile(new URL('../../../docs/NEXT.md', import.meta.url), 'utf8');
  const samples = [...page.matchAll(/```jsx?\n\/\/ (\S+)\n([\s\S]*?)```/g)];
  expect(samples.map(([, name]) => name)).toEqual(
    ['layout.jsx', 'page.jsx', 'price.jsx', 'subscriber.js'].map((name) => `app/${name}`),
  );
  for (const [, name, code] of samples) {
    expect(code).toBe(await readFile(new URL(`matrix/next/${name}`, import.meta.url), 'utf8'));
  }
});

/** Runs a tool of the matrix. */
function build(tool: string, name: string, args: readonly string[]): Promise<string> {
  return project.run(NODE, [project.program(tool), ...args], { in: name });
}

function saysNothingBad(output: string): void {
  expect(output).not.toMatch(/warn|critical|deprecat|error|⚠|can't|cannot/i);
}

let lastPrice = 64_000;

/** Posts a new price to the server. */
async function postPrice(): Promise<number> {
  lastPrice += 0.5;
  await http.post({ symbol: 'BTC-USD', price: lastPrice });
  await http.settled();
  return lastPrice;
}

/** A program that takes a URL prints the price, nothing else, and ends. */
async function printsPrice(program: string, args: readonly string[], name: string): Promise<void> {
  const price = await postPrice();
  expect(await project.run(program, [...args, url], { in: name })).toBe(`BTC-USD ${price}\n`);
}

/** A page shows the price, follows it, and has nothing to complain about. */
async function showsPrices(address: string): Promise<void> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
  });
  const isShown = (price: number) =>
    eventually(
      () => page.evaluate(() => document.querySelector('#price')?.textContent ?? ''),
      (text) => text === `BTC-USD ${price}`,
    );
  const first = await postPrice();
  await page.goto(`${address}?server=${url}`);
  await isShown(first);
  await isShown(await postPrice());
  expect(complaints).toEqual([]);
}

declare const document: {
  querySelector(selector: string): { readonly textContent: string } | null;
};
