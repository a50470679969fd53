import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES_MAX, uwsBuild } from '../../src/gateway/transport/abilities.ts';
import { startTransport } from '../../src/gateway/transport/start-transport.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { LineLog } from '../support/line-log.ts';
import { onTransports } from '../support/running-server.ts';
import { OPTIONS } from '../support/transport-options.ts';
import { STARTS, transportSuite } from './transport/suite.ts';

const require = createRequire(import.meta.url);

onTransports((transport) => transportSuite(STARTS[transport]));

describe('startTransport', () => {
  const handlers = {
    upgrade: () => {
      throw new Error('not called');
    },
    request: () => ({ status: 200, headers: {}, body: '' }),
    fault: () => undefined,
  };

  it('starts node without a warning where it is chosen', async () => {
    const log = new LineLog();
    const transport = await startTransport('node', OPTIONS, handlers, log);
    transport.close();
    expect(transport.name).toBe('node');
    expect(log.lines).toEqual([]);
  });

  it('starts uws where it loads, else node; one line says what it does worse', async () => {
    const log = new LineLog();
    const transport = await startTransport('auto', OPTIONS, handlers, log);
    transport.close();
    const load = loadUws();
    expect(transport.name).toBe(load.loaded ? 'uws' : 'node');
    expect(log.lines).toHaveLength(1);
    const expected = !load.loaded
      ? /^warn: Running on the slower transport/
      : uwsBuild(load.version) === 'uws 20.57'
        ? /^info: uWebSockets\.js 20\.\d+\..* leaves unanswered .*; refuses requests of HTTP\/1\.0/
        : /^warn: uWebSockets\.js 20\..* leaves unanswered requests of HTTP\/1\.0, .*20\.57/;
    expect(log.lines[0]).toMatch(expected);
  });

  it('loads the newest binary that loads, and lets it read heads of the promised size', () => {
    const load = loadUws();
    expect(process.env.UWS_HTTP_MAX_HEADERS_SIZE).toBe(String(HEAD_BYTES_MAX));
    if (load.loaded) expect(load.version).toMatch(loads('uws-new') ? /^20\.57\./ : /^20\.30\./);
  });

  it.each([
    ['20.30.0-unofficial.0', 'uws 20.30'],
    ['20.44.0', 'uws 20.30'],
    ['20.57.0', 'uws 20.57'],
    ['20.6.0', 'uws 20.30'],
    ['21.0.0', 'uws 20.57'],
  ])('knows the abilities of uWebSockets.js %s as those of %s', (version, build) => {
    expect(uwsBuild(version)).toBe(build);
  });

  it('falls back in a worker thread, where uws may not run and is refused', async () => {
    const answer = await inWorker('../support/transport-fallback-worker.ts');
    expect(answer.name).toBe('node');
    expect(answer.lines).toHaveLength(1);
    expect(answer.lines[0]).toMatch(/^warn: .*main thread only.*Node 20, 22, 24.*glibc 2\.38/s);
    expect(answer.refusal).toMatch(/Error: uWebSockets\.js does not load \(.*main thread only/);
  });
});

/** Whether the binary of a package loads here: that depends on the C library. */
function loads(name: string): boolean {
  const { platform, arch, versions } = process;
  try {
    return Boolean(
      require(`../../node_modules/${name}/uws_${platform}_${arch}_${versions.modules}`),
    );
  } catch {
    return false;
  }
}

interface WorkerAnswer {
  readonly name: string;
  readonly lines: readonly string[];
  readonly refusal: string;
}

function inWorker(file: string): Promise<WorkerAnswer> {
  const entry = new URL(file, import.meta.url).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  const worker = new Worker(bootstrap, { workerData: { entry } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
