import { Worker } from 'node:worker_threads';
import type { Testimony } from './witness-thread.ts';

/** A witness that has not answered after this long has seen the server stand still. */
const ANSWER_MS = 20_000;

/** The witness, in a thread of its own: what this thread does must not show in what it measures. */
export class Witness {
  readonly #worker: Worker;

  private constructor(port: number) {
    this.#worker = new Worker(new URL('./witness-thread.js', import.meta.url), {
      workerData: { port },
    });
  }

  static async start(port: number): Promise<Witness> {
    const witness = new Witness(port);
    if ((await witness.#next()) === undefined) throw new Error('the witness could not begin');
    return witness;
  }

  /** undefined: no answer. */
  async testify(): Promise<Testimony | undefined> {
    this.#worker.postMessage('testify');
    return (await this.#next()) as Testimony | undefined;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => done(undefined), ANSWER_MS);
      const done = (answer: unknown) => {
        clearTimeout(timer);
        this.#worker.off('message', done);
        this.#worker.off('error', reject);
        resolve(answer);
      };
      this.#worker.once('message', done);
      this.#worker.once('error', reject);
    });
  }
}
