import type { Store, StoreLog } from './store.ts';

const INTERVAL_MS = 60_000;
/** How long the clock must have been steady before anomalies are removed by age, ms. */
const SETTLED_MS = 3_600_000;
/** The same for a sweep that would remove more than a tenth of them. */
const SETTLED_FOR_MOST_MS = 12 * SETTLED_MS;
/** A clock that deviates by this much between two sweeps has jumped, ms. */
const JUMP_MS = 10_000;

/** Replaced in tests. */
export interface Clocks {
  /** Wall clock, ms since the epoch. */
  readonly now: () => number;
  /** Monotonic clock, ms. */
  readonly monotonic: () => number;
}

const SYSTEM_CLOCKS: Clocks = { now: () => Date.now(), monotonic: () => performance.now() };

/**
 * Has the store remove old anomalies once a minute. A wall clock can be wrong, and what it had
 * removed would be gone: ages count only while it is steady, that is while it has agreed with the
 * monotonic clock, for an hour or, to remove much, for half a day.
 */
export class Retention {
  readonly #store: Store;
  readonly #log: StoreLog;
  readonly #clocks: Clocks;
  readonly #timer: NodeJS.Timeout;
  /** Both clocks at the last sweep. */
  #last: { readonly now: number; readonly monotonic: number };
  /** When the clock last jumped, or the server started, by the monotonic clock. */
  #steadySince: number;
  #isJumpLogged = false;
  #isHoldLogged = false;
  #isSweeping = false;
  /** Removed by the time of the last log line. */
  #logged = { age: 0, perSymbol: 0 };

  constructor(store: Store, log: StoreLog, clocks = SYSTEM_CLOCKS) {
    this.#store = store;
    this.#log = log;
    this.#clocks = clocks;
    this.#last = { now: clocks.now(), monotonic: clocks.monotonic() };
    this.#steadySince = this.#last.monotonic;
    this.#timer = setInterval(() => void this.sweep(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Removes what is due now, unless a sweep is under way. */
  async sweep(): Promise<void> {
    const { now, steadyMs } = this.#readClocks();
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      const { heldBack } = await this.#store.sweep({
        now: steadyMs >= SETTLED_MS ? now : undefined,
        mayRemoveMost: steadyMs >= SETTLED_FOR_MOST_MS,
      });
      if (heldBack > 0 && !this.#isHoldLogged) {
        this.#isHoldLogged = true;
        const message =
          'many anomalies are old at once; removed once the clock was steady for 12 h';
        this.#log.warn({ count: heldBack, steadyMs }, message);
      }
    } catch (error) {
      this.#log.warn({ err: error }, 'could not remove old anomalies; trying again in a minute');
    } finally {
      this.#isSweeping = false;
      this.#logRemoved();
    }
  }

  #readClocks(): { now: number; steadyMs: number } {
    const now = this.#clocks.now();
    const monotonic = this.#clocks.monotonic();
    const jumpMs = now - this.#last.now - (monotonic - this.#last.monotonic);
    this.#last = { now, monotonic };
    if (Math.abs(jumpMs) >= JUMP_MS) {
      this.#steadySince = monotonic;
      this.#isHoldLogged = false;
      if (!this.#isJumpLogged) {
        const message = 'the clock jumped; no anomaly is removed for its age until steady for 1 h';
        this.#log.warn({ jumpMs: Math.round(jumpMs) }, message);
      }
      this.#isJumpLogged = true;
    }
    const steadyMs = monotonic - this.#steadySince;
    if (steadyMs >= SETTLED_MS) this.#isJumpLogged = false;
    return { now, steadyMs };
  }

  #logRemoved(): void {
    const { removed } = this.#store;
    const age = removed.age - this.#logged.age;
    const perSymbol = removed.perSymbol - this.#logged.perSymbol;
    if (age + perSymbol === 0) return;
    this.#logged = { ...removed };
    this.#log.info({ age, perSymbol }, 'removed anomalies beyond retention');
  }
}
