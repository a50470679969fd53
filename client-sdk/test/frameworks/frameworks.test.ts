import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { compile } from 'svelte/compiler';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { compileScript, parse } from 'vue/compiler-sfc';
import { HttpClient } from '../../../test/support/http-client.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { openBrowser } from '../../../testkit/chromium.ts';
import { eventually } from '../../../testkit/until.ts';

const ROOT = join(import.meta.dirname, '../../..');
const README = readFileSync(join(ROOT, 'client-sdk/README.md'), 'utf8');

let browser: Browser;
let server: TestServer;
let http: HttpClient;
let pages: Server;
let script = '';

beforeAll(async () => {
  [server, browser] = await Promise.all([
    startTestServer({ server: { allowedOrigins: '*' } }),
    openBrowser(),
  ]);
  http = await HttpClient.connect(server.port);
  pages = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(
      isScript
        ? script
        : '<!doctype html><main></main><script type="module" src="page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => {
    pages.listen(0, '127.0.0.1', resolve);
  });
});

afterAll(async () => {
  await browser.close();
  pages.close();
  await server.stop();
});

/** How each framework compiles a component, and mounts it. */
const FRAMEWORKS = {
  vue: {
    compile: vueModule,
    mount: `import { createApp } from 'vue';
      import App from './App.vue';
      createApp(App).mount('main');`,
  },
  svelte: {
    compile: (source: string) => compile(source, { generate: 'client' }).js.code,
    mount: `import { mount } from 'svelte';
      import App from './App.svelte';
      mount(App, { target: document.querySelector('main') });`,
  },
} as const;
type Framework = keyof typeof FRAMEWORKS;
const NAMES = ['vue', 'svelte'] as const;

describe.each(NAMES)('%s', (name) => {
  test('the sample of the README lists live symbols, and says which are stale', async () => {
    const own = await startTestServer({ server: { allowedOrigins: '*' } });
    const client = await HttpClient.connect(own.port);
    await client.post([
      { symbol: 'FIRST', price: 1 },
      { symbol: 'SECOND', price: 2 },
    ]);
    const source = sampleOf(name).replaceAll('localhost:9001', `127.0.0.1:${own.port}`);
    const page = await open(name, source);
    await listed(page, ['FIRST 1', 'SECOND 2']);
    await client.post({ symbol: 'SECOND', price: 2.01 });
    await listed(page, ['FIRST 1', 'SECOND 2.01']);
    await client.post({ symbol: 'BETWEEN', price: 3 });
    await listed(page, ['BETWEEN 3', 'FIRST 1', 'SECOND 2.01']);
    expect(await page.locator('li.stale').count()).toBe(0);
    await own.stop();
    await eventually(
      () => page.locator('li.stale').count(),
      (count) => count === 3,
    );
  });
});

const COPIES = `
  const row = subscriber.get('COPIED');
  const fields = (copy) => [copy.symbol, copy.currentPrice, copy.updateCount, copy.isLive].join();
  const worker = new Worker(URL.createObjectURL(new Blob([
    'onmessage = ({ data }) => postMessage(data)',
  ])));
  worker.onmessage = ({ data }) => {
    document.body.dataset.copies = JSON.stringify({
      spread: fields({ ...row }),
      assign: fields(Object.assign({}, row)),
      clone: fields(structuredClone(row)),
      json: fields(JSON.parse(JSON.stringify(row))),
      worker: fields(data),
      proxy: fields(proxied(row)),
      keys: Object.keys(proxied(row)).length,
    });
  };
  worker.postMessage(row);`;

const PROXIES: Readonly<Record<Framework, (url: string) => string>> = {
  vue: (url) => `<script setup>
    import { connect } from '@tickwire/client';
    import { reactive, ref } from 'vue';
    const subscriber = connect('${url}');
    const proxied = (row) => reactive(row);
    const rows = ref([]);
    subscriber.subscribe('COPIED');
    subscriber.on('update', () => {
      rows.value = [...subscriber.symbols()].map(({ symbol }) => subscriber.snapshot(symbol));
      ${COPIES}
    });
    </script>
    <template>
      <ul><li v-for="row of rows" :key="row.symbol">{{ row.currentPrice }}</li></ul>
    </template>`,
  svelte: (url) => `<script>
    import { connect } from '@tickwire/client';
    const subscriber = connect('${url}');
    function proxied(row) {
      let state = $state(row);
      return state;
    }
    let rows = $state([]);
    subscriber.subscribe('COPIED');
    subscriber.on('update', () => {
      rows = [...subscriber.symbols()].map(({ symbol }) => subscriber.snapshot(symbol));
      ${COPIES}
    });
    </script>
    <ul>{#each rows as row (row.symbol)}<li>{row.currentPrice}</li>{/each}</ul>`,
};

test.for(NAMES)('%s: deep proxies and every copy have all fields; lists move on', async (name) => {
  await http.post({ symbol: 'COPIED', price: 5 });
  await http.settled();
  const page = await open(name, PROXIES[name](`ws://127.0.0.1:${server.port}`));
  await eventually(
    () => page.locator('li').allTextContents(),
    ([price]) => price !== undefined,
  );
  const { json } = await http.get<{ updateCount: number; currentPrice: number }>(
    '/api/prices/COPIED',
  );
  const copies = await eventually(
    () => page.evaluate<string>('document.body.dataset.copies ?? ""'),
    (text) => text !== '',
  );
  const all = `COPIED,${json.currentPrice},${json.updateCount},true`;
  const [spread, assign, clone, worker, proxy] = Array.from({ length: 5 }, () => all);
  const expected = { spread, assign, clone, json: all, worker, proxy, keys: 13 };
  expect(JSON.parse(copies)).toEqual(expected);
  // The second and third change of the same row are seen, too.
  for (const price of [5.01, 5.02]) {
    await http.post({ symbol: 'COPIED', price });
    await eventually(
      () => page.locator('li').allTextContents(),
      ([text]) => text === String(price),
    );
  }
});

/** A single-file component as a module. */
function vueModule(source: string): string {
  const { descriptor, errors } = parse(source);
  expect(errors).toEqual([]);
  const { content } = compileScript(descriptor, { id: 'app', inlineTemplate: true });
  return content;
}

function sampleOf(language: Framework): string {
  const sample = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(README)?.[1];
  if (sample === undefined) throw new Error(`the README has no sample in ${language}`);
  return sample;
}

/** Compiles a component and opens a page with it; no error may reach the page. */
async function open(name: Framework, source: string): Promise<Page> {
  script = await bundle(name, source);
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

async function bundle(name: Framework, source: string): Promise<string> {
  const component: Plugin = {
    name: 'component',
    setup(builder) {
      builder.onResolve({ filter: /^\.\/App\./ }, ({ path }) => ({ path, namespace: 'component' }));
      builder.onLoad({ filter: /.*/, namespace: 'component' }, () => ({
        contents: FRAMEWORKS[name].compile(source),
        resolveDir: ROOT,
      }));
    },
  };
  const { outputFiles } = await build({
    stdin: { contents: FRAMEWORKS[name].mount, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser', 'production'],
    alias: { '@tickwire/client': join(ROOT, 'client-sdk/src/index.ts') },
    define: {
      'process.env.NODE_ENV': '"production"',
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
    plugins: [component],
    logLevel: 'error',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

async function listed(page: Page, rows: readonly string[]): Promise<void> {
  await eventually(
    () => page.locator('li').allTextContents(),
    (texts) => JSON.stringify(texts.map((text) => text.trim())) === JSON.stringify(rows),
  );
}
