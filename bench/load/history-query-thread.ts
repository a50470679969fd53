import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { HistoryQueryLoad } from './history-queries.ts';

/*
 * Asks for pages of history at a fixed rate, whether or not earlier answers have come, until it is
 * terminated. Any message asks how many pages were answered.
 */

const PAGE = 100;
const TURN_MS = 5;
const MS_PER_SECOND = 1000;

const { server, symbols, rate } = workerData as HistoryQueryLoad;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let sent = 0;
let answered = 0;

function send(): void {
  const path = `/api/prices/${symbols[sent % symbols.length]}/anomalies?limit=${PAGE}`;
  sent += 1;
  get({ ...server, path, agent }, (response) => {
    response.resume().once('end', () => {
      if (response.statusCode === 200) answered += 1;
    });
  });
}

parentPort?.on('message', () => parentPort?.postMessage(answered));
const startMs = performance.now();
for (;;) {
  const due = ((performance.now() - startMs) * rate) / MS_PER_SECOND;
  while (sent < due) send();
  await sleep(TURN_MS);
}
