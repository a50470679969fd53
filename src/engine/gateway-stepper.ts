import type { RuleModule } from '../rules/index.ts';
import type { GatewayHold } from './memory/partition-holder.ts';
import type { TickProducer } from './memory/tick-producer.ts';
import {
  PartitionWorker,
  type PartitionWorkerData,
  type WorkerReports,
} from './partition-worker.ts';

/**
 * Ticks in all queues that the gateway applies itself. A wake-up and the answer to it cost both
 * threads together as much as some dozens of ticks.
 */
export const FEW_TICKS = 128;

/**
 * Steps a partition on the gateway's thread while its worker sleeps: few ticks cost less than
 * waking it and being woken, and are in their rows at once. See `memory/partition-holder.ts`.
 *
 * Nothing that a tick does ends the gateway: what throws is left to the worker, which dies of it,
 * and its successor repairs the symbol and skips the tick.
 */
export class GatewayStepper {
  readonly #reports: WorkerReports;
  readonly #modules: ReadonlyMap<string, RuleModule> | undefined;
  readonly #data: PartitionWorkerData;
  readonly #producer: TickProducer;
  readonly #hold: GatewayHold;
  #own: PartitionWorker | undefined;
  #failure: Error | undefined;

  constructor(
    data: PartitionWorkerData,
    producer: TickProducer,
    reports: WorkerReports = {},
    modules?: ReadonlyMap<string, RuleModule>,
  ) {
    this.#data = data;
    this.#reports = reports;
    this.#modules = modules;
    this.#producer = producer;
    this.#hold = producer.hold;
  }

  /**
   * Applies the published ticks if they are few and the worker sleeps.
   *
   * @returns false if the worker has to be woken, if it sleeps
   */
  step(): boolean {
    // It may have a backlog: it died, or waits for space.
    if (this.#producer.depth() > FEW_TICKS || !this.#hold.take()) return false;
    let isDone = false;
    try {
      // Not before: making one may rebuild the arena.
      this.#own ??= new PartitionWorker(this.#data, this.#reports, this.#modules);
      isDone = this.#own.stepBriefly();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#own = undefined;
      this.#hold.fail();
      return true;
    }
    this.#hold.leave(isDone);
    return true;
  }

  /** What a tick threw here since the last call; its worker died of it. */
  takeFailure(): Error | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
