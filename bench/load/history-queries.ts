import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { builtProgram } from '../../testkit/managed-process.ts';
import type { ServerAddress } from './publisher-connection.ts';

const BATCH_TICKS = 1000;
/** Each is an anomaly next to the other. */
const PRICES = [100, 110];

/** What the thread is started with. */
export interface HistoryQueryLoad {
  readonly server: ServerAddress;
  readonly symbols: readonly string[];
  /** Queries a second. */
  readonly rate: number;
}

/**
 * Gives symbols a history: posts ticks that are anomalies, all but each symbol's first.
 *
 * @throws Error when the server refuses them
 */
export async function postAnomalies(
  { host, port }: ServerAddress,
  symbols: readonly string[],
  each: number,
): Promise<void> {
  const ticks = symbols.flatMap((symbol) =>
    Array.from({ length: each + 1 }, (_, i) => ({ symbol, price: PRICES[i % 2] })),
  );
  for (let from = 0; from < ticks.length; from += BATCH_TICKS) {
    const response = await fetch(`http://${host}:${port}/api/prices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ticks.slice(from, from + BATCH_TICKS)),
    });
    if (response.status !== 202) throw new Error(`history was refused: ${await response.text()}`);
  }
}

/** Asks for pages of history, from a thread of its own so that the publisher is not delayed. */
export class HistoryQueries {
  readonly #worker: Worker;

  constructor(load: HistoryQueryLoad) {
    const program = builtProgram('bench/load/history-query-thread');
    this.#worker = new Worker(program, { workerData: load });
  }

  /** Pages received so far. */
  async answered(): Promise<number> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage('answered');
    return (await answer)[0] as number;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
