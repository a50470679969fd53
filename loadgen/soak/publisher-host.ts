import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { forkProgram } from '../../testkit/managed-process.ts';
import { KnownTicks } from './known-ticks.ts';
import { Lineage } from './lineage.ts';
import type { PublisherPlan, PublisherReport, PublisherRequest } from './publisher-process.ts';
import type { PublisherRecord } from './state-checks.ts';

const STOP_TIMEOUT_MS = 60_000;

/** A publisher in a process of its own, and what the server has of it, over all its lives. */
export class PublisherHost implements PublisherRecord {
  readonly name: string;
  readonly ticks: KnownTicks;
  readonly frameTicks: number;
  readonly lineage = new Lineage();
  /**
   * The server's epoch, as its newest session was told; undefined before the first of this life.
   */
  epoch: string | undefined;
  /** Sessions opened so far, over all lives, and whether the newest is open. */
  sessions = 0;
  isLive = false;
  /** Ticks of the stream that the server refused for their times. */
  readonly refused = new Set<number>();
  /** Whether it may: its clock is behind. */
  mayRefuse = false;
  /** Ticks that were on their way when the newest session opened, and are sent again. */
  resent = 0;
  readonly #plan: PublisherPlan;
  readonly #fault: (message: string) => void;
  #child: ChildProcess | undefined;
  #hasStarted = false;
  /** The server was killed since the newest session opened. */
  #wasServerKilled = false;
  #onStopped: (() => void) | undefined;

  constructor(plan: PublisherPlan, fault: (message: string) => void) {
    this.name = plan.name;
    this.ticks = new KnownTicks(plan.ticks);
    this.frameTicks = plan.frameTicks;
    this.#plan = plan;
    this.#fault = fault;
  }

  /** Begins a life: connects, and goes on where the server is. */
  spawn(): void {
    this.epoch = undefined;
    this.isLive = false;
    this.#hasStarted = false;
    const child = forkProgram('loadgen/soak/publisher-process');
    this.#child = child;
    child.on('message', (report: PublisherReport) => this.#heard(report));
    this.#ask({ call: 'connect', plan: this.#plan });
  }

  /** The server was killed: what is on its way may have been applied, and is sent again. */
  serverKilled(): void {
    this.#wasServerKilled = true;
  }

  /** Stops the process, or has it go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  /** The first frame of the stream that is not due yet. */
  get due(): number {
    return Math.floor(
      (Date.now() - this.ticks.startMs) / (this.ticks.intervalMs * this.frameTicks),
    );
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Has everything acknowledged, and ends the process. */
  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve;
      timer = setTimeout(() => {
        this.#fault(`${this.name} did not stop`);
        resolve();
      }, STOP_TIMEOUT_MS);
    });
    this.#ask({ call: 'stop' });
    await stopped;
    clearTimeout(timer);
    await this.kill();
  }

  #heard(report: PublisherReport): void {
    if (report.kind === 'live') this.#live(report);
    else if (report.kind === 'lost') this.isLive = false;
    else if (report.kind === 'acknowledged') this.lineage.acknowledged(report.sequence);
    else if (report.kind === 'refused') this.#refusedAll(report.indexes);
    else if (report.kind === 'fault') this.#fault(`${this.name}: ${report.message}`);
    else this.#stopped(report.position);
  }

  #live({ sequence, epoch, resent }: PublisherReport & { readonly kind: 'live' }): void {
    this.resent = resent;
    this.sessions++;
    this.isLive = true;
    this.lineage.resumed(sequence, epoch);
    if (epoch !== this.epoch) this.#forgetRefusals();
    if (this.#wasServerKilled && epoch !== this.epoch) {
      this.lineage.sentAgain(resent / this.frameTicks);
      this.#wasServerKilled = false;
    }
    this.epoch = epoch;
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#ask({ call: 'start', from: this.lineage.next });
  }

  #refusedAll(indexes: readonly number[]): void {
    for (const index of indexes) this.refused.add(index);
    if (!this.mayRefuse)
      this.#fault(`${this.name}: ${indexes.length} ticks refused for their times`);
  }

  /** Frames that another process of the server gets again are judged again. */
  #forgetRefusals(): void {
    const first = this.lineage.next * this.frameTicks;
    for (const index of this.refused) if (index >= first) this.refused.delete(index);
  }

  #stopped(position: number): void {
    const { next } = this.lineage;
    if (position !== next) this.#fault(`${this.name}: sent ${position} frames, ${next} settled`);
    this.#onStopped?.();
  }

  #ask(request: PublisherRequest): void {
    if (this.#child?.connected) this.#child.send(request);
  }
}
