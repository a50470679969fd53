import { crc32 } from 'node:zlib';
import type { DetectionState } from './memory/reorder-memory.ts';
import { decodeRuleStates, encodeRuleStates, type RuleStates } from './rule-states.ts';
import { type SymbolState, validateState } from './symbol-state.ts';

/*
 * A symbol's state as bytes, little-endian:
 *
 *   0        4       8         9         10     12       16       20       24       28    32
 *   ├ bytes ─┼ check ┼ version ┼ name ───┼─ -- ┼ window ┼ prices ┼ minima ┼ maxima ┼ held┤
 *     uint32   uint32  uint8     uint8            uint32
 *     of the   CRC-32            bytes of         of the   how many of each follow
 *     whole    of what           the name         average
 *              follows
 *   float64 each
 *   32       40          48      56      64        72     80    88    96   112
 *   ├ count ─┼ anomalies ┼ taken ┼ price ┼ average ┼ time ┼ min ┼ max ┼ -- ┤
 *   112
 *   ├ prices ── float64 each ─┼ minima ── time, price ─┼ maxima ── time, price ─┼ name ── UTF-8 ─┤
 *
 * Version 3 has, behind the maxima, what detection has come to while ticks wait for earlier ones:
 *
 *   ├ newest time ┼ newest price ┼ arrived at ┼ held ── time, price ─┤   float64 each
 *
 * with a newest price of 0 if there is none. A state without that is written in version 2.
 *
 * The first 9 bytes mean the same in every version. States may follow one another without a gap.
 * Version 1 had a sum at 96, which could be wrong. Version 4 has what rules remember before the
 * name, and how many bytes that takes at 104, as uint32; `rule-states.ts` draws it. Bit 0 of the
 * uint16 at 10 then says whether there is what version 3 has.
 */
const VERSION = 4;
const VERSION_OF_NEITHER = 2;
const VERSION_OF_DETECTION = 3;
/** Bit of the flags at 10. */
const HAS_DETECTION = 1;
const RULE_BYTES_AT = 104;
const OLDEST_VERSION = 1;
const CHECK_FROM = 8;
const DOUBLES_FROM = 32;
const HEADER_BYTES = 112;
/** Doubles of detection before the ticks held. */
const DETECTION_DOUBLES = 3;
const CAPACITY_MIN = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The bytes are not a symbol's state, or are of another version. */
export class SymbolStateError extends Error {
  override readonly name: string = 'SymbolStateError';
}

/** The state was written by a newer server. */
export class SymbolStateVersionError extends SymbolStateError {
  override readonly name = 'SymbolStateVersionError';

  constructor(at: number, version: number) {
    const supported = `only ${OLDEST_VERSION} to ${VERSION}`;
    super(`symbol state at byte ${at}: version ${version} is not supported, ${supported}`);
  }
}

/** Encodes states into one growing buffer. */
export class SymbolStateWriter {
  #bytes = new Uint8Array(CAPACITY_MIN);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written since the last {@link take}. */
  get length(): number {
    return this.#length;
  }

  append(state: SymbolState): void {
    const { averaging, detection, minima, maxima } = state;
    const name = encoder.encode(state.symbol);
    const waiting = detection === undefined ? 0 : DETECTION_DOUBLES + detection.held.length;
    const doubles = averaging.prices.length + minima.length + maxima.length + waiting;
    const rules = state.rules && encodeRuleStates(state.rules);
    const ruleBytes = rules?.length ?? 0;
    const length = HEADER_BYTES + doubles * 8 + ruleBytes + name.length;
    this.#reserve(length);
    const start = this.#length;
    const view = this.#view;
    view.setUint32(start, length, true);
    view.setUint8(start + 8, versionOf(state));
    view.setUint8(start + 9, name.length);
    view.setUint16(start + 10, detection === undefined ? 0 : HAS_DETECTION, true);
    view.setUint32(start + 12, averaging.window, true);
    view.setUint32(start + 16, averaging.prices.length, true);
    view.setUint32(start + 20, minima.length / 2, true);
    view.setUint32(start + 24, maxima.length / 2, true);
    view.setUint32(start + 28, detection === undefined ? 0 : detection.held.length / 2, true);
    this.#length = start + DOUBLES_FROM;
    this.#put(headOf(state));
    this.#put(averaging.prices);
    this.#put(minima);
    this.#put(maxima);
    if (detection !== undefined) {
      const { newest, arrivedAt, held } = detection;
      this.#put([newest?.time ?? 0, newest?.price ?? 0, arrivedAt]);
      this.#put(held);
    }
    if (rules !== undefined) {
      view.setUint32(start + RULE_BYTES_AT, ruleBytes, true);
      this.#bytes.set(rules, this.#length);
    }
    this.#bytes.set(name, this.#length + ruleBytes);
    this.#length = start + length;
    const checked = this.#bytes.subarray(start + CHECK_FROM, this.#length);
    view.setUint32(start + 4, crc32(checked), true);
  }

  /** Returns a copy of the bytes written and starts over. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #put(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) {
      this.#view.setFloat64(this.#length, values[i] as number, true);
      this.#length += 8;
    }
  }

  #reserve(length: number): void {
    let capacity = this.#bytes.length;
    if (this.#length + length <= capacity) return;
    while (capacity < this.#length + length) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function headOf(state: SymbolState): number[] {
  const { count, anomalies, averaging, price, average, time, min, max } = state;
  return [count, anomalies, averaging.taken, price, average, time, min, max, 0, 0];
}

/** The oldest version that can tell it. */
function versionOf({ detection, rules }: SymbolState): number {
  if (rules !== undefined) return VERSION;
  return detection === undefined ? VERSION_OF_NEITHER : VERSION_OF_DETECTION;
}

export function encodeSymbolState(state: SymbolState): Uint8Array {
  const writer = new SymbolStateWriter();
  writer.append(state);
  return writer.take();
}

/**
 * Decodes one state.
 *
 * @throws SymbolStateError unless the bytes are exactly one undamaged state of this version
 */
export function decodeSymbolState(bytes: Uint8Array): SymbolState {
  const [state, ...others] = decodeSymbolStates(bytes);
  if (state === undefined) throw new SymbolStateError('symbol state: no bytes');
  if (others.length > 0) throw new SymbolStateError('symbol state: more than one');
  return state;
}

/**
 * Decodes consecutive states, such as a chunk of `readCapture`.
 *
 * @throws SymbolStateError at the first state that is damaged or of another version
 */
export function* decodeSymbolStates(bytes: Uint8Array): Generator<SymbolState> {
  for (const { at, end } of statesIn(bytes)) {
    const state = decode(bytes.subarray(at, end), at);
    const fault = validateState(state);
    if (fault !== undefined) throw faultAt(at, `impossible: ${fault}`);
    yield state;
  }
}

/**
 * Decodes consecutive states, leaving out damaged ones. Whether they are possible is for the caller
 * to check.
 *
 * @param setAside gets the reason for each that is left out
 * @throws SymbolStateError where {@link checkSymbolStates} does
 */
export function* salvageSymbolStates(
  bytes: Uint8Array,
  setAside: (fault: string) => void,
): Generator<SymbolState> {
  for (const { at, end } of statesIn(bytes)) {
    let state: SymbolState | undefined;
    try {
      state = decode(bytes.subarray(at, end), at);
    } catch (error) {
      if (!(error instanceof SymbolStateError)) throw error;
      setAside(error.message);
    }
    if (state !== undefined) yield state;
  }
}

/**
 * Checks that all states can be told apart and are of a known version.
 *
 * @throws SymbolStateError if not: then nothing behind can be read
 */
export function checkSymbolStates(bytes: Uint8Array): void {
  for (const _state of statesIn(bytes));
}

function* statesIn(bytes: Uint8Array): Generator<{ readonly at: number; readonly end: number }> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + lengthAt(bytes, at);
    const version = bytes[at + CHECK_FROM] as number;
    const isKnown = version >= OLDEST_VERSION && version <= VERSION;
    if (!isKnown && isWhole(bytes.subarray(at, end))) {
      throw new SymbolStateVersionError(at, version);
    }
    yield { at, end };
    at = end;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const left = bytes.length - at;
  const length = left < 4 ? 0 : viewOf(bytes).getUint32(at, true);
  if (length <= CHECK_FROM || length > left) {
    throw faultAt(at, `truncated or damaged: ${left} bytes left, its length is ${length}`);
  }
  return length;
}

function isWhole(bytes: Uint8Array): boolean {
  return crc32(bytes.subarray(CHECK_FROM)) === viewOf(bytes).getUint32(4, true);
}

function decode(bytes: Uint8Array, at: number): SymbolState {
  if (!isWhole(bytes)) throw faultAt(at, 'damaged: the checksum does not match');
  const view = viewOf(bytes);
  if (bytes.length < HEADER_BYTES) throw faultAt(at, `${bytes.length} bytes, fewer than a header`);
  const nameBytes = view.getUint8(9);
  const sizeAt = (at: number) => view.getUint32(at, true);
  const sizes: Sizes = [sizeAt(16), sizeAt(20), sizeAt(24), sizeAt(28)];
  const [prices, minima, maxima, held] = sizes;
  const waiting = hasDetection(view) ? DETECTION_DOUBLES + 2 * held : 0;
  const doubles = prices + 2 * minima + 2 * maxima + waiting;
  const ruleBytes = view.getUint8(8) === VERSION ? view.getUint32(RULE_BYTES_AT, true) : 0;
  if (bytes.length !== HEADER_BYTES + doubles * 8 + ruleBytes + nameBytes) {
    throw faultAt(at, `${bytes.length} bytes, but its parts have another length`);
  }
  const state = parse(bytes, view, sizes, ruleBytes);
  if (state === undefined) throw faultAt(at, 'its name is not UTF-8');
  return state;
}

type Sizes = readonly [prices: number, minima: number, maxima: number, held: number];

function hasDetection(view: DataView): boolean {
  const version = view.getUint8(CHECK_FROM);
  if (version === VERSION) return (view.getUint16(10, true) & HAS_DETECTION) !== 0;
  return version === VERSION_OF_DETECTION;
}

/** Undefined if the name is not UTF-8. */
function parse(
  bytes: Uint8Array,
  view: DataView,
  [prices, minima, maxima, held]: Sizes,
  ruleBytes: number,
): SymbolState | undefined {
  let at = DOUBLES_FROM;
  const next = () => {
    at += 8;
    return view.getFloat64(at - 8, true);
  };
  const many = (count: number) => {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = next();
    return values;
  };
  const [count, anomalies, taken] = [next(), next(), next()];
  const [price, average, time, min, max] = [next(), next(), next(), next(), next()];
  at = HEADER_BYTES;
  const window = view.getUint32(12, true);
  const averaging = { window, taken, prices: many(prices) };
  const places = { minima: many(2 * minima), maxima: many(2 * maxima) };
  const state = { anomalies, count, price, average, time, min, max, averaging, ...places };
  let detection: DetectionState | undefined;
  if (hasDetection(view)) {
    const newest = { time: next(), price: next() };
    const arrivedAt = next();
    const isStarted = newest.price !== 0;
    detection = { newest: isStarted ? newest : undefined, arrivedAt, held: many(2 * held) };
  }
  const symbol = textOf(bytes.subarray(at + ruleBytes));
  if (symbol === undefined) return undefined;
  const rules =
    ruleBytes === 0 ? undefined : decodeRules(bytes.subarray(at, at + ruleBytes), symbol);
  return {
    symbol,
    ...state,
    ...(detection && { detection }),
    ...(rules && { rules }),
  };
}

function decodeRules(bytes: Uint8Array, symbol: string): RuleStates {
  try {
    return decodeRuleStates(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SymbolStateError(`the rules of symbol "${symbol}": ${error.message}`);
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function faultAt(at: number, what: string): SymbolStateError {
  return new SymbolStateError(`symbol state at byte ${at}: ${what}`);
}
