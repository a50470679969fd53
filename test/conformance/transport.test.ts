import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { startTransport } from '../../src/gateway/transport/start-transport.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { onTransports } from '../support/running-server.ts';
import { OPTIONS } from '../support/transport-options.ts';
import { STARTS, transportSuite } from './transport/suite.ts';

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
    const warnings: string[] = [];
    const transport = await startTransport('node', OPTIONS, handlers, (line) =>
      warnings.push(line),
    );
    transport.close();
    expect(transport.name).toBe('node');
    expect(warnings).toEqual([]);
  });

  it('starts uws where it loads, else node with one warning that says why', async () => {
    const warnings: string[] = [];
    const transport = await startTransport('auto', OPTIONS, handlers, (line) =>
      warnings.push(line),
    );
    transport.close();
    expect(transport.name).toBe(loadUws().loaded ? 'uws' : 'node');
    expect(warnings).toHaveLength(loadUws().loaded ? 0 : 1);
  });

  it('falls back in a worker thread, where uws may not run and is refused', async () => {
    const answer = await inWorker('../support/transport-fallback-worker.ts');
    expect(answer.name).toBe('node');
    expect(answer.warnings).toHaveLength(1);
    expect(answer.warnings[0]).toMatch(/main thread only.*Node 20, 22, 24.*glibc 2\.38/s);
    expect(answer.refusal).toMatch(/Error: uWebSockets\.js does not load \(.*main thread only/);
  });
});

interface WorkerAnswer {
  readonly name: string;
  readonly warnings: readonly string[];
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
