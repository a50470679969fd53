import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** A test's other thread; ends with the test. */
export class Peer {
  readonly #worker: Worker;
  readonly #posted: unknown[] = [];
  #fail: (error: Error) => void = () => undefined;
  #give: ((posted: unknown) => void) | undefined;
  readonly #failed: Promise<never>;

  constructor(name: string, data: object) {
    const entry = new URL(`./${name}.ts`, import.meta.url).href;
    const bootstrap = new URL('../../../scripts/ts-worker.mjs', import.meta.url);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
    this.#worker = new Worker(bootstrap, { workerData: { ...data, entry } });
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('message', (posted) => {
      const give = this.#give;
      this.#give = undefined;
      if (give === undefined) this.#posted.push(posted);
      else give(posted);
    });
    onTestFinished(async () => {
      await this.#worker.terminate();
    });
  }

  /** Its next message. */
  next(): Promise<unknown> {
    if (this.#posted.length > 0) return Promise.resolve(this.#posted.shift());
    const posted = new Promise<unknown>((resolve) => {
      this.#give = resolve;
    });
    return Promise.race([posted, this.#failed]);
  }
}

/** Starts `name`.ts on a thread; resolves once it is ready. */
export async function startPeer(name: string, data: object): Promise<Peer> {
  const peer = new Peer(name, data);
  await peer.next();
  return peer;
}
