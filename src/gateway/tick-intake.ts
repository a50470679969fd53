import { type Engine, UNKNOWN_SYMBOL } from '../engine/index.ts';
import { ErrorCode, NameKind, symbolFault, type TickBatch } from '../protocol/index.ts';
import { type AliasTable, UNDECLARED_ALIAS } from './alias-table.ts';
import { isPrice, isTickTime } from './tick-rules.ts';

/** Rejected ticks of a frame that are named; the rest is only counted. */
const FAULTS_NAMED_MAX = 100;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Symbols as bytes: in a frame, or of an alias. */
interface SymbolBytes {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * Judges ticks and puts the good ones into the engine's queues. An invalid tick never spoils its neighbours. One for the
 * whole gateway; the results of {@link take} stand until the next call.
 */
export class TickIntake {
  /** Ticks of the last batch. */
  accepted = 0;
  rejected = 0;
  dropped = 0;
  /** Rejected ticks of the last batch: index and error code in turn. */
  faults: number[] = [];
  /** Indexes of the dropped ticks of the last batch, where they were asked for. */
  droppedIndexes: number[] = [];
  /** How far ahead of the server's clock a tick may be, ms. */
  readonly maxFutureMs: number;
  /** Since the start. */
  readonly totals = { accepted: 0, dropped: 0, rejected: new Map<ErrorCode, number>() };
  readonly #engine: Engine;
  readonly #onSymbol: (symbolId: number, symbol: string) => void;
  #faultsNamedMax = FAULTS_NAMED_MAX;
  /** The latest time that a tick of this batch may have. */
  #timeMax = 0;
  readonly #name: SymbolBytes = { bytes: new Uint8Array(0), start: 0, end: 0 };

  /** @param onSymbol told of each symbol that is new, before its first tick is queued */
  constructor(
    engine: Engine,
    maxFutureMs: number,
    onSymbol: (symbolId: number, symbol: string) => void,
  ) {
    this.#engine = engine;
    this.maxFutureMs = maxFutureMs;
    this.#onSymbol = onSymbol;
  }

  /**
   * Takes a batch in.
   *
   * @param now the server's clock, ms since the epoch: what times are held against
   * @param receivedAt the same moment on the monotonic clock
   * @param namesAll whether every rejected tick is to be named, and every dropped one
   */
  take(
    batch: TickBatch,
    aliases: AliasTable | undefined,
    now: number,
    receivedAt: number,
    namesAll = false,
  ): void {
    this.accepted = 0;
    this.rejected = 0;
    this.dropped = 0;
    if (this.faults.length > 0) this.faults = [];
    if (this.droppedIndexes.length > 0) this.droppedIndexes = [];
    this.#faultsNamedMax = namesAll ? batch.count : FAULTS_NAMED_MAX;
    this.#timeMax = now + this.maxFutureMs;
    batch.receivedAt = receivedAt;
    for (let i = 0; i < batch.count; i++) {
      const symbolId = this.#admit(batch, i, aliases);
      if (symbolId < 0) continue;
      if (this.#engine.tryOffer(symbolId, batch, i)) this.accepted++;
      else {
        this.dropped++;
        if (namesAll) this.droppedIndexes.push(i);
      }
    }
    this.totals.accepted += this.accepted;
    this.totals.dropped += this.dropped;
  }

  /** The symbol id of a good tick, registered if need be; negative for a bad one, which is noted. */
  #admit(batch: TickBatch, index: number, aliases: AliasTable | undefined): number {
    const symbolId = this.#find(batch, index, aliases);
    if (symbolId < UNKNOWN_SYMBOL) return symbolId;
    if (!isPrice(batch.prices[index] as number)) return this.#reject(index, ErrorCode.bad_price);
    if (!isTickTime(batch.times[index] as number, this.#timeMax)) {
      return this.#reject(index, ErrorCode.bad_time);
    }
    if (symbolId !== UNKNOWN_SYMBOL) return symbolId;
    const registered = this.#register(index);
    if (registered >= 0 && batch.kinds[index] === NameKind.ALIAS) {
      aliases?.resolve(batch.names[index] as number, registered);
    }
    return registered;
  }

  /** The symbol id; `UNKNOWN_SYMBOL` for a good name not seen yet, left in #name; lower for a bad one, noted. */
  #find(batch: TickBatch, index: number, aliases: AliasTable | undefined): number {
    const kind = batch.kinds[index];
    const name = this.#name;
    if (kind === NameKind.ALIAS) {
      const alias = batch.names[index] as number;
      const symbolId = aliases === undefined ? UNDECLARED_ALIAS : aliases.symbolId(alias);
      if (symbolId >= 0) return symbolId;
      if (symbolId === UNDECLARED_ALIAS) return this.#reject(index, ErrorCode.unknown_alias);
      name.bytes = (aliases as AliasTable).symbol(alias);
      name.start = 0;
      name.end = name.bytes.length;
    } else if (kind === NameKind.TEXT) {
      name.bytes = batch.text;
      name.start = batch.names[index] as number;
      name.end = name.start + (batch.lengths[index] as number);
    } else {
      return this.#reject(index, ErrorCode.bad_symbol);
    }
    const symbolId = this.#engine.symbols.find(name.bytes, name.start, name.end);
    if (symbolId >= 0) {
      if (kind === NameKind.ALIAS) aliases?.resolve(batch.names[index] as number, symbolId);
      return symbolId;
    }
    return isSymbol(name) ? UNKNOWN_SYMBOL : this.#reject(index, ErrorCode.bad_symbol);
  }

  #register(index: number): number {
    const { symbols } = this.#engine;
    if (symbols.isFull()) return this.#reject(index, ErrorCode.symbol_limit);
    const { bytes, start, end } = this.#name;
    const symbolId = symbols.register(bytes, start, end);
    this.#onSymbol(symbolId, symbols.name(symbolId));
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

function isSymbol({ bytes, start, end }: SymbolBytes): boolean {
  try {
    return symbolFault(utf8.decode(bytes.subarray(start, end))) === undefined;
  } catch {
    return false;
  }
}
