import type { ChildProcess } from 'node:child_process';
import { call, forkProgram } from '../testkit/managed-process.ts';
import type { LedgerEntry } from './ledger.ts';
import {
  type GroupOptions,
  type GroupProgress,
  type GroupResult,
  SubscriberGroup,
} from './subscriber-group.ts';

/** What the parent asks a process of subscribers. */
export type GroupRequest =
  | { readonly call: 'start'; readonly options: GroupOptions }
  | { readonly call: 'measure'; readonly fromMs: number }
  | { readonly call: 'progress' }
  | { readonly call: 'finish'; readonly published: readonly LedgerEntry[] | undefined };

export type GroupReply =
  | { readonly call: 'start' | 'measure' }
  | { readonly call: 'progress'; readonly progress: GroupProgress }
  | { readonly call: 'finish'; readonly result: GroupResult }
  | { readonly call: 'failed'; readonly message: string };

/** A group of subscribers, wherever it runs. Calls must not overlap. */
export interface GroupHost {
  start(options: GroupOptions): Promise<void>;
  measure(fromMs: number): Promise<void>;
  progress(): Promise<GroupProgress>;
  finish(published: readonly LedgerEntry[] | undefined): Promise<GroupResult>;
  /** Ends the process, if it is one. */
  stop(): void;
}

/** A group in this process. */
export class LocalGroup implements GroupHost {
  #group: SubscriberGroup | undefined;

  async start(options: GroupOptions): Promise<void> {
    this.#group = new SubscriberGroup(options);
    await this.#group.start();
  }

  async measure(fromMs: number): Promise<void> {
    this.#started.measure(fromMs);
  }

  async progress(): Promise<GroupProgress> {
    return this.#started.progress();
  }

  finish(published: readonly LedgerEntry[] | undefined): Promise<GroupResult> {
    return this.#started.finish(published);
  }

  stop(): void {
    this.#group = undefined;
  }

  get #started(): SubscriberGroup {
    if (this.#group === undefined) throw new Error('the group was not started');
    return this.#group;
  }
}

/** A group in a process of its own. */
export class ProcessGroup implements GroupHost {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = forkProgram('loadgen/subscriber-process', [], { serialization: 'advanced' });
  }

  async start(options: GroupOptions): Promise<void> {
    await this.#call({ call: 'start', options });
  }

  async measure(fromMs: number): Promise<void> {
    await this.#call({ call: 'measure', fromMs });
  }

  async progress(): Promise<GroupProgress> {
    const reply = await this.#call({ call: 'progress' });
    if (reply.call !== 'progress') throw new Error(`unexpected reply ${reply.call}`);
    return reply.progress;
  }

  async finish(published: readonly LedgerEntry[] | undefined): Promise<GroupResult> {
    const reply = await this.#call({ call: 'finish', published });
    if (reply.call !== 'finish') throw new Error(`unexpected reply ${reply.call}`);
    return reply.result;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #call(request: GroupRequest): Promise<GroupReply> {
    return call<GroupReply>(this.#child, request);
  }
}
