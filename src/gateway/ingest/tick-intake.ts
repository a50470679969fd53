import { type ServedEngine, TENANT_BYTES_MAX, UNKNOWN_SYMBOL } from '../../engine/index.ts';
import {
  ErrorCode,
  NameKind,
  SYMBOL_LENGTH_MAX,
  type TickBatch,
  validateSymbol,
} from '../../protocol/index.ts';
import type { SymbolObserver } from '../subscriptions/wildcards.ts';
import { type AliasTable, FORBIDDEN_ALIAS, UNDECLARED_ALIAS } from './alias-table.ts';
import type { FrameJournal } from './frame-journal.ts';
import { Lateness } from './lateness.ts';
import type { PublishScope } from './publish-scope.ts';

/** Longest symbol, bytes of UTF-8. */
const SYMBOL_BYTES_MAX = 4 * SYMBOL_LENGTH_MAX;
/** Bytes below are control characters: they start another tenant's name, never a symbol. */
const CONTROL_END = 0x20;

/** Rejected ticks listed in a REJECT; the rest is only counted. */
const FAULTS_NAMED_MAX = 100;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of a name: in a frame, behind a tenant's prefix, or of an alias. */
interface NameBytes {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * Validates ticks and offers the valid ones to the engine's queues. An invalid tick does not affect
 * the others. One for the whole gateway; the results of {@link take} are valid until the next call.
 */
export class TickIntake {
  /** Ticks of the last batch. */
  accepted = 0;
  rejected = 0;
  dropped = 0;
  /** Rejected ticks of the last batch: index and error code, alternating. */
  faults: number[] = [];
  /** The limit that a new symbol of the last batch met; undefined if none did. */
  symbolLimit: string | undefined;
  /** Indexes of the dropped ticks of the last batch, if asked for. */
  droppedIndexes: number[] = [];
  /** How far a tick's time may be ahead of the server's clock, ms. */
  readonly maxFutureMs: number;
  /** How far it may be behind, ms; 0: any time. */
  readonly maxPastMs: number;
  /** Since the start. */
  readonly totals = { accepted: 0, dropped: 0, rejected: new Map<ErrorCode, number>() };
  readonly lateness: Lateness;
  readonly #engine: ServedEngine;
  readonly #observer: SymbolObserver;
  readonly #journal: FrameJournal | undefined;
  #faultsNamedMax = FAULTS_NAMED_MAX;
  /** Earliest and latest valid time of a tick in this batch, ms since the epoch. */
  #timeMin = 0;
  #timeMax = 0;
  readonly #name: NameBytes = { bytes: new Uint8Array(0), start: 0, end: 0 };
  /** Scratch space for a tenant's names. */
  readonly #prefixed = new Uint8Array(TENANT_BYTES_MAX + SYMBOL_BYTES_MAX);

  constructor(
    engine: ServedEngine,
    { maxFutureMs, maxPastMs }: TickTimeLimits,
    observer: SymbolObserver,
    journal?: FrameJournal,
    lateness = new Lateness((publisherId) => String(publisherId)),
  ) {
    this.lateness = lateness;
    this.#engine = engine;
    this.maxFutureMs = maxFutureMs;
    this.maxPastMs = maxPastMs;
    this.#observer = observer;
    this.#journal = journal;
  }

  /**
   * Takes a batch: offers its ticks to the engine and appends them to the journal.
   *
   * @param now the server's clock, ms since the epoch
   * @param receivedUs the same moment on the clock of latencies, `monotonicUs`
   * @param scope the symbols that the publisher may publish
   * @param publisherId for the journal; 0: it has no name
   * @param namesAll whether to report every rejected and every dropped tick
   * @returns false if the journal cannot take the batch now: nothing of it was accepted
   */
  take(
    batch: TickBatch,
    aliases: AliasTable | undefined,
    now: number,
    receivedUs: number,
    scope: PublishScope,
    publisherId: number,
    namesAll = false,
  ): boolean {
    this.accepted = 0;
    this.rejected = 0;
    this.dropped = 0;
    if (this.faults.length > 0) this.faults = [];
    this.symbolLimit = undefined;
    if (this.droppedIndexes.length > 0) this.droppedIndexes = [];
    this.#faultsNamedMax = namesAll ? batch.count : FAULTS_NAMED_MAX;
    this.#timeMin = earliestTime(now, this);
    this.#timeMax = now + this.maxFutureMs;
    batch.receivedAt = now;
    batch.receivedUs = receivedUs;
    this.#journal?.begin(batch.count);
    const isJournaledFirst = this.#journal?.precedesOffers === true;
    this.lateness.begin(publisherId, this.#timeMax);
    for (let i = 0; i < batch.count; i++) {
      const symbolId = this.#admit(batch, i, aliases, scope);
      if (symbolId < 0) continue;
      if (isJournaledFirst || this.#engine.tryOffer(symbolId, batch, i)) {
        this.accepted++;
        this.lateness.add(symbolId, batch.times, i);
        this.#journal?.add(symbolId, batch, i);
      } else {
        this.dropped++;
        if (namesAll) this.droppedIndexes.push(i);
      }
    }
    if (this.#journal?.append(publisherId, batch) === false) return false;
    this.lateness.end(this.accepted, now);
    this.totals.accepted += this.accepted;
    this.totals.dropped += this.dropped;
    return true;
  }

  /**
   * The symbol id of a valid tick, registered if new; negative for an invalid one, which is
   * counted.
   */
  #admit(
    batch: TickBatch,
    index: number,
    aliases: AliasTable | undefined,
    scope: PublishScope,
  ): number {
    const symbolId = this.#find(batch, index, aliases, scope);
    if (symbolId < UNKNOWN_SYMBOL) return symbolId;
    if (!isPrice(batch.prices[index] as number)) return this.#reject(index, ErrorCode.bad_price);
    if (!isTickTime(batch.times[index] as number, this.#timeMin, this.#timeMax)) {
      return this.#reject(index, ErrorCode.bad_time);
    }
    if (symbolId !== UNKNOWN_SYMBOL) {
      const { symbols } = this.#engine;
      if (symbols.tickId(symbolId) >= 0 || symbols.tryRevive(symbolId)) return symbolId;
      return this.#reject(index, ErrorCode.symbol_limit);
    }
    const registered = this.#register(index, scope);
    if (registered >= 0 && batch.kinds[index] === NameKind.ALIAS) {
      const tickId = this.#engine.symbols.tickId(registered);
      aliases?.resolve(batch.names[index] as number, registered, tickId);
    }
    return registered;
  }

  /**
   * The symbol id; `UNKNOWN_SYMBOL` for a valid new name, left in #name; lower for an invalid one,
   * which is counted.
   */
  #find(
    batch: TickBatch,
    index: number,
    aliases: AliasTable | undefined,
    scope: PublishScope,
  ): number {
    const kind = batch.kinds[index];
    if (kind === NameKind.ALIAS)
      return this.#findAlias(index, batch.names[index] as number, aliases);
    if (kind !== NameKind.TEXT || !this.#readName(batch, index, scope.prefix)) {
      return this.#reject(index, ErrorCode.bad_symbol);
    }
    const { bytes, start, end } = this.#name;
    const symbolId = this.#engine.symbols.find(bytes, start, end);
    const isKnown = symbolId >= 0;
    if (!isKnown && !isSymbol(bytes, start + scope.prefix.length, end)) {
      return this.#reject(index, ErrorCode.bad_symbol);
    }
    if (scope.isAll) return symbolId;
    const isCovered = isKnown
      ? scope.coversKnown(this.#engine.symbols.tickId(symbolId), bytes, start, end)
      : scope.coversName(bytes, start, end);
    return isCovered ? symbolId : this.#reject(index, ErrorCode.forbidden);
  }

  #findAlias(index: number, alias: number, aliases: AliasTable | undefined): number {
    const known = aliases === undefined ? UNDECLARED_ALIAS : aliases.symbolId(alias);
    const { symbols } = this.#engine;
    if (known >= 0 && symbols.tickId(known) === aliases?.tickId(alias)) return known;
    if (known === UNDECLARED_ALIAS) return this.#reject(index, ErrorCode.unknown_alias);
    if (known === FORBIDDEN_ALIAS) return this.#reject(index, ErrorCode.forbidden);
    const name = this.#name;
    name.bytes = (aliases as AliasTable).symbol(alias);
    name.start = 0;
    name.end = name.bytes.length;
    const symbolId = symbols.find(name.bytes, 0, name.end);
    if (symbolId >= 0) aliases?.resolve(alias, symbolId, symbols.tickId(symbolId));
    return symbolId;
  }

  /** Puts a tick's symbol, given by name, into #name; false if it cannot be a symbol. */
  #readName(batch: TickBatch, index: number, prefix: Uint8Array): boolean {
    const name = this.#name;
    const start = batch.names[index] as number;
    const length = batch.lengths[index] as number;
    if (prefix.length === 0) {
      name.bytes = batch.text;
      name.start = start;
      name.end = start + length;
      return (batch.text[start] as number) >= CONTROL_END;
    }
    if (length > SYMBOL_BYTES_MAX) return false;
    name.bytes = this.#prefixed;
    name.start = 0;
    name.end = prefix.length + length;
    name.bytes.set(prefix);
    name.bytes.set(batch.text.subarray(start, start + length), prefix.length);
    return true;
  }

  #register(index: number, scope: PublishScope): number {
    const { symbols } = this.#engine;
    const met = scope.tryAddSymbol();
    if (met !== undefined) {
      this.symbolLimit = met.text;
      return this.#reject(index, ErrorCode.symbol_limit);
    }
    const { bytes, start, end } = this.#name;
    const symbolId = symbols.register(bytes, start, end);
    scope.ownSymbol(symbolId);
    this.lateness.begins(symbolId);
    this.#observer.symbolAppeared(symbolId, symbols.name(symbolId));
    return symbolId;
  }

  #reject(index: number, code: ErrorCode): number {
    this.rejected++;
    const { rejected } = this.totals;
    rejected.set(code, (rejected.get(code) ?? 0) + 1);
    if (this.faults.length < 2 * this.#faultsNamedMax) this.faults.push(index, code);
    return UNKNOWN_SYMBOL - 1;
  }
}

function isSymbol(bytes: Uint8Array, start: number, end: number): boolean {
  try {
    return validateSymbol(utf8.decode(bytes.subarray(start, end))) === undefined;
  } catch {
    return false;
  }
}

/** Whether a price is valid: a finite number above zero. */
export function isPrice(price: number): boolean {
  return price > 0 && price < Number.POSITIVE_INFINITY;
}

/** How far a tick's time may be from the server's clock, ms; `maxPastMs` 0: as far as it likes. */
export interface TickTimeLimits {
  readonly maxFutureMs: number;
  readonly maxPastMs: number;
}

/** The earliest valid time of a tick, ms since the epoch. */
export function earliestTime(now: number, { maxPastMs }: TickTimeLimits): number {
  return maxPastMs === 0 ? 0 : Math.max(0, now - maxPastMs);
}

/**
 * Whether a tick's time is valid; NaN is not.
 *
 * @param timeMin earliest valid time, ms since the epoch
 * @param timeMax latest valid time
 */
export function isTickTime(time: number, timeMin: number, timeMax: number): boolean {
  return time >= timeMin && time <= timeMax;
}

/** Reasons to reject a tick. */
export const REJECTION_REASONS = [
  'bad_symbol',
  'bad_price',
  'bad_time',
  'unknown_alias',
  'symbol_limit',
  'forbidden',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** Rejected ticks by name of the reason; reasons that never occurred count 0. */
export function rejectedByReason(
  rejected: ReadonlyMap<ErrorCode, number>,
): Record<RejectionReason, number> {
  const count = (reason: RejectionReason) => rejected.get(ErrorCode[reason]) ?? 0;
  return Object.fromEntries(REJECTION_REASONS.map((reason) => [reason, count(reason)])) as Record<
    RejectionReason,
    number
  >;
}
