import type { Trade, Venue } from '../venue.ts';

/** Ids remembered of a symbol, at least, where ids do not rise. */
const UNIQUE_IDS_MIN = 2048;
/**
 * A trade so much newer than the last, with an id that is not above it, is no duplicate: the venue
 * has begun to count anew.
 */
const RESTART_MS = 60_000;

/** What an id says of its trade. */
export interface IdVerdict {
  readonly isKnown: boolean;
  /** Ids between it and the one before that never came. */
  readonly missed: number;
  /** Its ids started again: what came before is forgotten. */
  readonly isRestart?: true;
}

const FRESH: IdVerdict = { isKnown: false, missed: 0 };
const KNOWN: IdVerdict = { isKnown: true, missed: 0 };

/** Tells trades already seen from new ones, for all symbols of a feed, over reconnects. */
export interface TradeIds {
  /**
   * Takes note of a trade. Within a message, trades must come in the order of their ids.
   *
   * @param time the venue's, ms since the Unix epoch; NaN: none that could be
   */
  note(trade: Trade, time: number): IdVerdict;
}

export function createTradeIds(venue: Pick<Venue, 'ids' | 'gapsCount'>): TradeIds {
  if (venue.ids === 'rising') return new RisingIds(venue.gapsCount);
  return venue.ids === 'unique' ? new UniqueIds() : { note: () => FRESH };
}

/** Order of two ids: by number where both are numbers. */
export function compareIds(a: Trade['id'], b: Trade['id']): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left === undefined || right === undefined) return 0;
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Newest {
  id: number | bigint;
  time: number;
}

class RisingIds implements TradeIds {
  readonly #newest = new Map<string, Newest>();
  readonly #gapsCount: boolean;

  constructor(gapsCount: boolean) {
    this.#gapsCount = gapsCount;
  }

  note(trade: Trade, time: number): IdVerdict {
    const id = numberOf(trade.id);
    if (id === undefined) return FRESH;
    const newest = this.#newest.get(trade.symbol);
    if (newest === undefined) {
      this.#newest.set(trade.symbol, { id, time });
      return FRESH;
    }
    const step = difference(id, newest.id);
    if (step <= 0) {
      if (step === 0 || !(time > newest.time + RESTART_MS)) return KNOWN;
      newest.id = id;
      newest.time = time;
      return { isKnown: false, missed: 0, isRestart: true };
    }
    newest.id = id;
    if (time > newest.time || Number.isNaN(newest.time)) newest.time = time;
    const missed = this.#gapsCount ? step - Math.max(1, trade.ids ?? 1) : 0;
    return missed > 0 ? { isKnown: false, missed } : FRESH;
  }
}

/** Two generations of a symbol's ids: the older one is forgotten as a whole. */
interface Generations {
  young: Set<unknown>;
  old: Set<unknown>;
}

class UniqueIds implements TradeIds {
  readonly #symbols = new Map<string, Generations>();

  note({ symbol, id }: Trade): IdVerdict {
    if (id === undefined) return FRESH;
    let seen = this.#symbols.get(symbol);
    if (seen === undefined) {
      seen = { young: new Set(), old: new Set() };
      this.#symbols.set(symbol, seen);
    }
    if (seen.young.has(id) || seen.old.has(id)) return KNOWN;
    if (seen.young.size >= UNIQUE_IDS_MIN) {
      seen.old = seen.young;
      seen.young = new Set();
    }
    seen.young.add(id);
    return FRESH;
  }
}

const WHOLE = /^-?\d+$/;

/** A bigint only where a double is not exact. */
function numberOf(id: Trade['id']): number | bigint | undefined {
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined;
  if (typeof id === 'string') {
    if (!WHOLE.test(id)) return undefined;
    const number = Number(id);
    return Number.isSafeInteger(number) ? number : BigInt(id);
  }
  if (id === undefined) return undefined;
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

function difference(a: number | bigint, b: number | bigint): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Number(BigInt(a) - BigInt(b));
}
