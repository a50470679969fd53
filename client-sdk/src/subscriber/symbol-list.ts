import { patternMatcher } from '../../../src/protocol/index.ts';
import { check, checkOptions, unknownName } from '../value-checks.ts';
import type { Subscriber } from './subscriber.ts';
import { patternList } from './subscription.ts';
import type { SymbolSnapshot } from './symbol-statistics.ts';

const FIELDS = [
  'symbol',
  'symbolId',
  'currentPrice',
  'movingAverage',
  'updateCount',
  'lastUpdateTime',
  'minPrice',
  'maxPrice',
  'changed',
  'previousPrice',
  'previousUpdateCount',
  'previousUpdateTime',
  'isLive',
] as const satisfies readonly (keyof SymbolSnapshot)[];

/** A field to sort by; with `-` before it, the greatest comes first. NaN comes last either way. */
export type SortField = keyof SymbolSnapshot | `-${keyof SymbolSnapshot}`;

/** Says by its sign which of two symbols comes first, as for `Array.sort`. */
export type SymbolOrder = (a: SymbolSnapshot, b: SymbolSnapshot) => number;

/** Options of a {@link SymbolList}. */
export interface SymbolListOptions {
  /** Order of the symbols; default `symbol`. Equal ones are in the order of their names. */
  readonly sort?: SortField | SymbolOrder | undefined;
  /** Most symbols listed, the first ones; default: all. */
  readonly limit?: number | undefined;
}

/**
 * The symbols of some patterns as a sorted list of frozen snapshots, for frameworks: a symbol that
 * did not change is the same object in the next list, and without a change the list is the same.
 *
 * @throws TypeError or RangeError for patterns that are not strings, or a bad option
 */
export function symbolList(
  subscriber: Subscriber,
  patterns: string | readonly string[],
  options: SymbolListOptions = {},
): SymbolList {
  return new SymbolList(subscriber, patterns, options);
}

type Listener = (rows: readonly SymbolSnapshot[]) => void;

/**
 * A live list of symbols, subscribed while it has listeners. An update costs as much as it changes:
 * only changed symbols are compared, and merged into the rest.
 */
export class SymbolList {
  readonly #subscriber: Subscriber;
  readonly #patterns: readonly string[];
  readonly #limit: number;
  readonly #order: SymbolOrder;
  readonly #matchers: readonly ((symbol: string) => boolean)[];
  /** Symbol → whether a pattern matches it. */
  readonly #matches = new Map<string, boolean>();
  readonly #snapshots = new Map<string, SymbolSnapshot>();
  /** Symbols to be looked at again. */
  readonly #changed = new Set<string>();
  #sorted: readonly SymbolSnapshot[] = [];
  #rows: readonly SymbolSnapshot[] = Object.freeze([]);
  readonly #listeners = new Set<Listener>();
  #stop: (() => void) | undefined;

  /** Prefer {@link symbolList}. */
  constructor(
    subscriber: Subscriber,
    patterns: string | readonly string[],
    options: SymbolListOptions,
  ) {
    checkOptions<SymbolListOptions>(options, {
      sort: ['string', 'function'],
      limit: { min: 1, unit: 'symbols', isInteger: true },
    });
    const { sort = 'symbol', limit = Number.POSITIVE_INFINITY } = options;
    this.#subscriber = subscriber;
    this.#patterns = patternList(patterns);
    this.#matchers = this.#patterns.map(patternMatcher);
    this.#order = typeof sort === 'function' ? sort : orderBy(sort);
    this.#limit = limit;
  }

  /** The list now; frozen. */
  get rows(): readonly SymbolSnapshot[] {
    // Without listeners, nothing tells of changes.
    if (this.#stop === undefined) this.#markAll();
    this.#refresh();
    return this.#rows;
  }

  /**
   * Calls back at once, and after each change; as Svelte expects of a store.
   *
   * @returns removes the listener; the last one unsubscribes
   */
  subscribe(listener: (rows: readonly SymbolSnapshot[]) => void): () => void {
    check('listener', listener, ['function']);
    const added: Listener = (rows) => listener(rows);
    this.#stop ??= this.#start();
    this.#listeners.add(added);
    listener(this.rows);
    return () => {
      this.#listeners.delete(added);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #start(): () => void {
    const subscriber = this.#subscriber;
    this.#markAll();
    const isClosed = subscriber.state === 'closed';
    const subscription = isClosed
      ? undefined
      : subscriber.subscribe(this.#patterns, { anomalies: false });
    const all = () => {
      this.#markAll();
      this.#notify();
    };
    const stops = [
      subscriber.on('update', ({ changes }) => {
        for (const { symbol } of changes) this.#mark(symbol);
        this.#notify();
      }),
      subscriber.on('retired', ({ symbols }) => {
        for (const symbol of symbols) this.#mark(symbol);
        this.#notify();
      }),
      subscriber.on('state', all),
      subscriber.on('lag', all),
      subscriber.on('reset', all),
    ];
    return () => {
      for (const stop of stops) stop();
      subscription?.unsubscribe();
    };
  }

  #markAll(): void {
    for (const symbol of this.#snapshots.keys()) this.#changed.add(symbol);
    for (const { symbol } of this.#subscriber.symbols()) this.#mark(symbol);
  }

  #mark(symbol: string): void {
    let matches = this.#matches.get(symbol);
    if (matches === undefined) {
      matches = this.#matchers.some((each) => each(symbol));
      this.#matches.set(symbol, matches);
    }
    if (matches) this.#changed.add(symbol);
  }

  #notify(): void {
    const before = this.#rows;
    this.#refresh();
    if (this.#rows === before) return;
    for (const listener of this.#listeners) listener(this.#rows);
  }

  #refresh(): void {
    const changed = this.#changed;
    const fresh: SymbolSnapshot[] = [];
    for (const symbol of changed) {
      const snapshot = this.#subscriber.snapshot(symbol);
      if (snapshot === this.#snapshots.get(symbol)) {
        changed.delete(symbol);
      } else if (snapshot === undefined) {
        this.#snapshots.delete(symbol);
      } else {
        this.#snapshots.set(symbol, snapshot);
        fresh.push(snapshot);
      }
    }
    if (changed.size === 0) return;
    const order: SymbolOrder = (a, b) => this.#order(a, b) || compare(a.symbol, b.symbol);
    const kept = this.#sorted.filter(({ symbol }) => !changed.has(symbol));
    // Array.sort merges two sorted runs: the kept are not compared with each other.
    this.#sorted = fresh.length === 0 ? kept : [...kept, ...fresh.sort(order)].sort(order);
    changed.clear();
    const rows = this.#sorted.slice(0, this.#limit);
    const isSame =
      rows.length === this.#rows.length && rows.every((row, i) => row === this.#rows[i]);
    if (!isSame) this.#rows = Object.freeze(rows);
  }
}

function orderBy(sort: SortField): SymbolOrder {
  const isDescending = sort.startsWith('-');
  const name = isDescending ? sort.slice(1) : sort;
  const field = FIELDS.find((each) => each === name);
  if (field === undefined) throw unknownName('options.sort', 'field', name, FIELDS);
  return (a, b) => {
    const order = compare(a[field], b[field]);
    return isDescending && !Number.isNaN(a[field]) && !Number.isNaN(b[field]) ? -order : order;
  };
}

/** NaN is after everything. */
function compare<T extends string | number | boolean>(a: T, b: T): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
