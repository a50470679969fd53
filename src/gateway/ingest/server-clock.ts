import type { ServedEngine } from '../../engine/index.ts';
import type { FlushScheduler } from '../fanout/flush-scheduler.ts';
import type { FrameJournal } from './frame-journal.ts';

/** Shortest time between two readings, ms. */
const READ_MS = 250;

/** What the clock drives. */
export interface ClockedParts {
  readonly engine: Pick<ServedEngine, 'advanceClock' | 'canAdvanceClock' | 'isClockWanted'>;
  readonly journal: Pick<FrameJournal, 'appendClock'> | undefined;
  readonly scheduler: Pick<FlushScheduler, 'publishClock'>;
}

/**
 * Gives the engine the server's clock, by way of the journal, while something there ends by time: a
 * replay gives it the same readings at the same places.
 */
export class ServerClock {
  readonly #parts: ClockedParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ClockedParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.read(Date.now()), READ_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** @param now ms since the epoch */
  read(now: number): void {
    const { engine, journal, scheduler } = this.#parts;
    if (!engine.isClockWanted || !engine.canAdvanceClock) return;
    if (journal?.appendClock(now) === false) return;
    engine.advanceClock(now);
    scheduler.publishClock();
  }
}
