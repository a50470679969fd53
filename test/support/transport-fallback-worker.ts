import { parentPort } from 'node:worker_threads';
import { startTransport } from '../../src/gateway/transport/start-transport.ts';
import { OPTIONS } from './transport-options.ts';

/** Starts the transports where uWebSockets.js cannot run, and posts the outcome. */
const handlers = {
  upgrade: () => {
    throw new Error('not called');
  },
  request: () => ({ status: 200, headers: {}, body: '' }),
  fault: () => undefined,
};
const warnings: string[] = [];
const warn = (line: string) => {
  warnings.push(line);
};
const transport = await startTransport('auto', OPTIONS, handlers, warn);
transport.close();
const refusal = await startTransport('uws', OPTIONS, handlers, warn).then(
  () => 'started',
  (error: unknown) => String(error),
);
parentPort?.postMessage({ name: transport.name, warnings, refusal });
