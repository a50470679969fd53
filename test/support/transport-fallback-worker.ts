import { parentPort } from 'node:worker_threads';
import { startTransport } from '../../src/gateway/transport/start-transport.ts';
import { LineLog } from './line-log.ts';
import { OPTIONS } from './transport-options.ts';

/** Starts the transports where uWebSockets.js cannot run, and posts the outcome. */
const handlers = {
  upgrade: () => {
    throw new Error('not called');
  },
  request: () => ({ status: 200, headers: {}, body: '' }),
  fault: () => undefined,
};
const log = new LineLog();
const transport = await startTransport('auto', OPTIONS, handlers, log);
transport.close();
const refusal = await startTransport('uws', OPTIONS, handlers, log).then(
  () => 'started',
  (error: unknown) => String(error),
);
parentPort?.postMessage({ name: transport.name, lines: log.lines, refusal });
