import { ANONYMOUS } from '../../access/index.ts';
import type { TickBatch } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import { Client } from '../sessions/client.ts';
import type { NameHolder } from '../sessions/session.ts';
import { endOfFrame } from './frame-journal.ts';
import { PublishScope } from './publish-scope.ts';
import type { Publisher, PublisherClaim } from './publisher-registry.ts';

export type InnerPublisherContext = Pick<
  GatewayContext,
  | 'clock'
  | 'config'
  | 'credit'
  | 'engine'
  | 'intake'
  | 'journal'
  | 'publishers'
  | 'quota'
  | 'scheduler'
  | 'security'
>;

/** The part of a queue that a frame may take: others publish, too. */
const SHARE = 1 / 4;

/**
 * A publisher within this process that can wait: it offers a frame again until there is space, so
 * nothing is dropped, whatever `processing.overflow` says. Its frames are numbered upwards, with or
 * without gaps.
 */
export class InnerPublisher implements NameHolder {
  /** Whether a connection has taken the name over: nothing is accepted any more. */
  isTakenOver = false;
  readonly #context: InnerPublisherContext;
  readonly #publisher: Publisher;
  readonly #scope: PublishScope;

  /** @param claim what other servers know of it; undefined: there are none */
  constructor(name: string, context: InnerPublisherContext, claim?: PublisherClaim) {
    this.#context = context;
    this.#publisher = context.publishers.enter(name, true, claim);
    this.#publisher.session?.takenOver();
    this.#publisher.session = this;
    this.#scope = new PublishScope(new Client(ANONYMOUS, ''), context.quota, context.security);
  }

  /** Its last accepted frame; 0 if there is none. */
  get sequence(): number {
    return this.#publisher.sequence;
  }

  /** Most ticks in a frame. */
  get ticksMax(): number {
    const { processing, publish } = this.#context.config;
    return Math.min(publish.ticksPerFrameMax, Math.floor(processing.channelCapacity * SHARE));
  }

  /**
   * Accepts a frame whose number is above {@link sequence}. Its invalid ticks are in
   * `TickIntake.faults` until the next call of anybody.
   *
   * @returns false if there is no space for it now
   */
  take(batch: TickBatch): boolean {
    const { clock, intake, journal, scheduler } = this.#context;
    if (this.isTakenOver || batch.sequence <= this.sequence) return false;
    if (!this.#hasSpace(batch.count)) return false;
    clock.read();
    const { id } = this.#publisher;
    if (!intake.take(batch, undefined, clock.now, clock.monotonicUs, this.#scope, id)) return false;
    this.#publisher.sequence = batch.sequence;
    this.#publisher.position = endOfFrame(journal);
    scheduler.schedule();
    return true;
  }

  leave(): void {
    this.#context.publishers.leave(this.#publisher, this);
  }

  takenOver(): void {
    this.isTakenOver = true;
  }

  synced(): boolean {
    return true;
  }

  madeDurable(): void {}

  notDurable(): void {}

  #hasSpace(ticks: number): boolean {
    const { credit, engine, journal } = this.#context;
    const free = Math.min(engine.freeSlots(), journal?.freeTicks() ?? Number.POSITIVE_INFINITY);
    return free >= ticks && credit.hasSpare(ticks);
  }
}
