import {
  HEAD_DOUBLES,
  Head,
  parseRuleFile,
  type RuleMemory,
  RuleSet,
  type SlotState,
  SlotView,
  type SymbolPlan,
} from '../rules/index.ts';
import { float64s } from '../threads/shared-memory.ts';
import { symbolOfName, tenantOf } from './name-space.ts';

/** What the rules of a symbol remember. */
export interface RuleStates {
  /** Of the newest alert. */
  readonly sequence: number;
  /** Of the newest tick that took part; a price of 0: there is none. */
  readonly time: number;
  readonly price: number;
  /** When the newest tick came, ms since the epoch. */
  readonly arrival: number;
  readonly slots: readonly RuleSlotState[];
}

export interface RuleSlotState extends SlotState {
  /** What the state is valid for: JSON that begins with the rule's name. */
  readonly fingerprint: string;
}

/** Reads what rules remember, in memory that nothing changes. */
export class RuleStateReader {
  readonly #heads: Float64Array;
  readonly #slots: readonly SlotView[];
  readonly #rules: RuleSet;

  /** @param text the rule file in force */
  constructor(memory: RuleMemory, text: string) {
    this.#heads = float64s(memory.heads);
    this.#slots = memory.slots.map((slot) => new SlotView(slot));
    this.#rules = new RuleSet(parseRuleFile(text).file ?? { rules: [] });
  }

  /** Undefined: no rule has seen the symbol. */
  read(symbolId: number, name: string): RuleStates | undefined {
    const head = symbolId * HEAD_DOUBLES;
    const heads = this.#heads;
    const sequence = heads[head + Head.SEQUENCE] as number;
    if (heads[head + Head.OWNER] === 0 && sequence === 0) return undefined;
    const { rules } = planOf(this.#rules, name);
    return {
      sequence,
      time: heads[head + Head.TIME] as number,
      price: heads[head + Head.PRICE] as number,
      arrival: heads[head + Head.ARRIVAL] as number,
      slots: rules.map(({ fingerprint }, index) => ({
        fingerprint,
        ...(this.#slots[index] as SlotView).read(symbolId),
      })),
    };
  }
}

/** Restores what rules remember into memory that no worker runs on yet. */
export class RuleStateRestorer {
  readonly #heads: Float64Array;
  readonly #slots: readonly SlotView[];
  readonly #rules: RuleSet;

  constructor(memory: RuleMemory, text: string) {
    this.#heads = float64s(memory.heads);
    this.#slots = memory.slots.map((slot) => new SlotView(slot));
    this.#rules = new RuleSet(parseRuleFile(text).file ?? { rules: [] });
  }

  /**
   * @param currentPrice of the symbol
   * @returns whether a reading of the clock may concern the symbol
   */
  restore(
    symbolId: number,
    name: string,
    states: RuleStates,
    owner: number,
    currentPrice: number,
  ): boolean {
    const head = symbolId * HEAD_DOUBLES;
    const heads = this.#heads;
    heads[head + Head.SEQUENCE] = Math.max(heads[head + Head.SEQUENCE] as number, states.sequence);
    const plan = planOf(this.#rules, name);
    if (plan.rules.length === 0) return false;
    heads[head + Head.TIME] = states.time;
    heads[head + Head.PRICE] = states.price;
    heads[head + Head.ARRIVAL] = states.arrival;
    // A tick that took part may have come before any rule applied, unnoted.
    heads[head + Head.CURRENT] = states.arrival === 0 ? 0 : currentPrice;
    heads[head + Head.OWNER] = owner;
    let isTimed = plan.hasStale;
    for (const [index, rule] of plan.rules.entries()) {
      const own = states.slots.find(({ fingerprint }) => fingerprint === rule.fingerprint);
      const slot = this.#slots[index] as SlotView;
      if (own !== undefined) slot.write(symbolId, own);
      isTimed ||= slot.isOpen(symbolId);
    }
    return isTimed;
  }
}

function planOf(rules: RuleSet, name: string): SymbolPlan {
  return rules.plan(tenantOf(name), symbolOfName(name));
}

/*
 * As bytes, little-endian:
 *
 *   sequence, time, price, arrival f64 · slots u32 · each:
 *   bytes of its fingerprint u32 · doubles of its samples u32, of its history u32 ·
 *   its state, samples, history f64 … · its fingerprint in UTF-8
 */
const STATE_DOUBLES = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeRuleStates(states: RuleStates): Uint8Array {
  const { sequence, time, price, arrival, slots } = states;
  const parts: Uint8Array[] = [bytesOf([sequence, time, price, arrival]), wordsOf(slots.length)];
  for (const { fingerprint, state, samples, history } of slots) {
    const text = encoder.encode(fingerprint);
    parts.push(wordsOf(text.length, samples.length, history.length));
    parts.push(bytesOf(state), bytesOf(samples), bytesOf(history), text);
  }
  return Buffer.concat(parts);
}

/** @throws RangeError for bytes that are no states */
export function decodeRuleStates(bytes: Uint8Array): RuleStates {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const word = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const doubles = (count: number) => {
    if (count > bytes.length / 8) throw new RangeError(`${count} numbers of a rule`);
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++, at += 8) values[i] = view.getFloat64(at, true);
    return values;
  };
  const [sequence = 0, time = 0, price = 0, arrival = 0] = doubles(4);
  const count = word();
  if (count > bytes.length) throw new RangeError(`${count} rules`);
  const slots: RuleSlotState[] = [];
  for (let i = 0; i < count; i++) {
    const length = word();
    const [samplesCount, historyCount] = [word(), word()];
    const state = doubles(STATE_DOUBLES);
    const [samples, history] = [doubles(samplesCount), doubles(historyCount)];
    const fingerprint = decoder.decode(bytes.subarray(at, at + length));
    at += length;
    slots.push({ fingerprint, state, samples, history });
  }
  if (at !== bytes.length) throw new RangeError('bytes behind the rules');
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError(`${sequence} alerts`);
  return { sequence, time, price, arrival, slots };
}

function bytesOf(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  for (let i = 0; i < values.length; i++) view.setFloat64(i * 8, values[i] as number, true);
  return new Uint8Array(view.buffer);
}

function wordsOf(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}
