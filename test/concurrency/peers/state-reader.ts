import { parentPort, workerData } from 'node:worker_threads';
import { type Capture, readCapture } from '../../../src/engine/index.ts';

/** Reads a capture and posts its chunks. */
const { capture } = workerData as { capture: Capture };
parentPort?.postMessage('ready');
parentPort?.postMessage([...readCapture(capture)]);
