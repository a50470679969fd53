import type { Config } from '../../src/config/schema.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { expectThat } from '../core/violation.ts';
import type { VirtualGlobals } from '../core/virtual-globals.ts';
import type { EngineOracle } from './engine-oracle.ts';
import type { JournalOracle } from './journal-oracle.ts';

/** The server may not have noticed a jump of the wall clock for this long, ms. */
const JUMP_UNNOTICED_MS = 200;
/** The server looks at the clock once a turn: how old its time may be, ms. */
const TURN_MS_MAX = 500;

/** The oracle of a publisher's connection. */
interface PublisherSession {
  /** Credit that the publisher holds: the last it was given, less the ticks that came since. */
  readonly credit: number;
  /** Another connection has taken the name. */
  takenOver(): void;
}

/** The oracle of a subscriber's connection. */
interface SubscriberSession {
  symbolAppeared(symbolId: number): void;
  /** The connection is gone. */
  end(): void;
}

/** What the server knows of a publisher over all of its connections. */
export interface PublisherRecord {
  readonly name: string;
  /** The last sequence accepted; and the last that was told to be durable. */
  sequence: number;
  durable: number;
  session: PublisherSession | undefined;
}

/** State that the oracles of all connections share. */
export class ServerOracle {
  readonly engine: EngineOracle;
  /** Undefined without a store. */
  journal: JournalOracle | undefined;
  readonly config: Config;
  /** Open connections. */
  readonly publishers = new Set<PublisherSession>();
  readonly streams = new Set<SubscriberSession>();
  /** By name. */
  readonly records = new Map<string, PublisherRecord>();
  readonly #scheduler: Scheduler;
  readonly #globals: VirtualGlobals;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  #jumpMs = 0;

  constructor(engine: EngineOracle, config: Config, scheduler: Scheduler, globals: VirtualGlobals) {
    this.engine = engine;
    this.config = config;
    this.#scheduler = scheduler;
    this.#globals = globals;
    engine.onSymbol = (symbolId) => {
      for (const stream of this.streams) stream.symbolAppeared(symbolId);
    };
  }

  get now(): number {
    return this.#scheduler.now;
  }

  /** For how long the server was paused since a moment, ms: {@link Scheduler.pausedSince}. */
  pausedSince(moment: number, isCounted?: (ms: number) => boolean): number {
    return this.#scheduler.pausedSince(moment, isCounted);
  }

  /** Which event of the gateway's thread is under way. */
  get turn(): number {
    return this.#scheduler.turns;
  }

  /** Whether frames are acknowledged only once they are on disk. */
  get isDurable(): boolean {
    return this.config.publish.acknowledge === 'durable';
  }

  get isWaiting(): boolean {
    return this.config.processing.overflow === 'wait';
  }

  /** The latest time that a tick may have. */
  get latestTime(): number {
    return this.#globals.wallNow + this.config.processing.maxFutureMs;
  }

  /** How far the server's idea of the time may be off, ms. */
  get clockDoubtMs(): number {
    const { now } = this.#scheduler;
    const ranMs = now - this.#jumpedAt - this.pausedSince(this.#jumpedAt);
    return ranMs < JUMP_UNNOTICED_MS ? Math.abs(this.#jumpMs) : 0;
  }

  record(name: string): PublisherRecord {
    let record = this.records.get(name);
    if (record === undefined) {
      record = { name, sequence: 0, durable: 0, session: undefined };
      this.records.set(name, record);
    }
    return record;
  }

  /** The wall clock jumped. */
  jumped(ms: number): void {
    this.#jumpMs = this.clockDoubtMs + Math.abs(ms);
    this.#jumpedAt = this.#scheduler.now;
  }

  /** Whether a time may be what the server takes for now. */
  isNow(time: number): boolean {
    return Math.abs(this.#globals.wallNow - time) <= TURN_MS_MAX + this.clockDoubtMs;
  }

  /** Whether the server holds a symbol once it has processed its ticks. */
  isHeld(symbol: string): boolean {
    return this.engine.known.has(symbol);
  }

  /** Under `wait`, publishers never hold more credit together than there is room. */
  checkCredit(when: string): void {
    if (!this.isWaiting) return;
    let given = 0;
    for (const { credit } of this.publishers) given += credit;
    const free = this.engine.quietly(() => this.engine.engine.freeSlots());
    expectThat(
      given <= free,
      'credit never exceeds the free space',
      () => `${when}: ${given} given, ${free} free`,
    );
  }

  /** The process is gone with all that it knew. */
  lost(): void {
    this.publishers.clear();
    for (const stream of this.streams) stream.end();
    this.streams.clear();
    for (const record of this.records.values()) record.session = undefined;
    this.engine.lost();
  }
}
