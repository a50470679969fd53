import { type ChildProcess, fork } from 'node:child_process';
import { Latency } from '../../loadgen/latency.ts';
import { builtProgram, call } from '../../testkit/managed-process.ts';
import type { ContenderKey } from '../contenders/contenders.ts';
import type { PoolOptions, PoolTotals } from './subscriber-pool.ts';

/** Requests of the parent. */
export type PoolRequest =
  | { readonly call: 'start'; readonly contender: ContenderKey; readonly options: PoolOptions }
  | { readonly call: 'snapshot' | 'reset' | 'latency' | 'stop' };

export type PoolReply =
  | { readonly call: 'done' }
  | { readonly call: 'snapshot'; readonly totals: PoolTotals }
  | { readonly call: 'latency'; readonly encoded: string }
  | { readonly call: 'failed'; readonly message: string };

/** Subscribers in a child process, so that reading does not delay publishing. */
export class Subscribers {
  readonly #child: ChildProcess;

  /**
   * Starts the process; resolves when all sessions are subscribed.
   *
   * @param contender whose wire they speak
   *
   * @throws Error when one is lost or not ready in time
   */
  static async start(contender: ContenderKey, options: PoolOptions): Promise<Subscribers> {
    const subscribers = new Subscribers();
    try {
      await subscribers.#call({ call: 'start', contender, options });
    } catch (error) {
      subscribers.kill();
      throw error;
    }
    return subscribers;
  }

  private constructor() {
    this.#child = fork(builtProgram('bench/load/subscriber-process'), {
      serialization: 'advanced',
    });
  }

  /** Of the process that holds them. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error when a session was lost */
  async snapshot(): Promise<PoolTotals> {
    const reply = await this.#call({ call: 'snapshot' });
    if (reply.call !== 'snapshot') throw new Error(`unexpected reply ${reply.call}`);
    return reply.totals;
  }

  async resetLatency(): Promise<void> {
    await this.#call({ call: 'reset' });
  }

  async latency(): Promise<Latency> {
    const reply = await this.#call({ call: 'latency' });
    if (reply.call !== 'latency') throw new Error(`unexpected reply ${reply.call}`);
    const latency = new Latency();
    latency.addEncoded(reply.encoded);
    return latency;
  }

  async stop(): Promise<void> {
    try {
      await this.#call({ call: 'stop' });
    } finally {
      this.kill();
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #call(request: PoolRequest): Promise<PoolReply> {
    return call<PoolReply>(this.#child, request);
  }
}
