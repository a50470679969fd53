import type { HistoryTuple } from '../../src/protocol/index.ts';
import { FIELDS } from '../../testkit/independent/protocol.ts';
import { type ScriptedAlert, scriptedAlert } from './alerts.ts';

/** The statistics of a symbol, in the words of the protocol. */
export type Values = Readonly<Record<(typeof FIELDS)[number], number>>;

/** A price that one tick brought. */
export function oneTick(price: number, time = 1_700_000_000_000): Values {
  return { price, average: price, count: 1, time, min: price, max: price };
}

/** What a scripted server knows, over all of its sessions: symbols, ids, anomalies, alerts. */
export class ScriptedMarket {
  epoch = 'first';
  readonly values = new Map<string, Values>();
  readonly #ids = new Map<string, number>();
  readonly #anomalies = new Map<string, HistoryTuple[]>();
  readonly #alerts = new Map<string, ScriptedAlert[]>();
  #connections = 0;
  #nextId = 0;

  /** The id of a symbol, which gets one if it has none. */
  idOf(symbol: string): number {
    const id = this.#ids.get(symbol) ?? this.#nextId++;
    this.#ids.set(symbol, id);
    return id;
  }

  /** Symbols with values, in ascending id. */
  get symbols(): readonly string[] {
    return [...this.values.keys()].sort((a, b) => this.idOf(a) - this.idOf(b));
  }

  /** A symbol goes; if it comes back, it has another id. */
  retire(symbol: string): void {
    this.#ids.delete(symbol);
    this.values.delete(symbol);
  }

  /** Another life of the server: ids are given anew, in the order of `symbols`. */
  restart(epoch: string, symbols: readonly string[]): void {
    this.epoch = epoch;
    this.#ids.clear();
    this.values.clear();
    this.#anomalies.clear();
    this.#alerts.clear();
    this.#nextId = 0;
    for (const symbol of symbols) this.idOf(symbol);
  }

  /** Records an anomaly, the next of its symbol unless a sequence is given. */
  raise(symbol: string, sequence = (this.anomalies(symbol).at(-1)?.[0] ?? 0) + 1): HistoryTuple {
    const direction = sequence % 2 === 0 ? -1 : 1;
    const [reference, price] = [100 + sequence / 8, (100 + sequence / 8) * (1 + direction * 0.03)];
    const changePercent = ((price - reference) / reference) * 100;
    const time = 1_700_000_000_000 + sequence * 1000.25;
    const anomaly: HistoryTuple = [sequence, direction, reference, price, changePercent, time];
    this.#anomalies.set(symbol, [...this.anomalies(symbol), anomaly]);
    return anomaly;
  }

  anomalies(symbol: string): readonly HistoryTuple[] {
    return this.#anomalies.get(symbol) ?? [];
  }

  /** Those after a sequence. */
  anomaliesAfter(symbol: string, sequence: number): readonly HistoryTuple[] {
    return this.anomalies(symbol).filter(([own]) => own > sequence);
  }

  /** Records an alert, the next of its symbol unless a sequence is given. */
  alert(symbol: string, sequence = (this.alerts(symbol).at(-1)?.sequence ?? 0) + 1): ScriptedAlert {
    const alert = scriptedAlert(sequence);
    this.#alerts.set(symbol, [...this.alerts(symbol), alert]);
    return alert;
  }

  alerts(symbol: string): readonly ScriptedAlert[] {
    return this.#alerts.get(symbol) ?? [];
  }

  /** Those after a sequence. */
  alertsAfter(symbol: string, sequence: number): readonly ScriptedAlert[] {
    return this.alerts(symbol).filter((alert) => alert.sequence > sequence);
  }

  /** Counts the connections: the number of this one, from 0. */
  connect(): number {
    return this.#connections++;
  }
}

/** The numbers of a full entry with the fields of the mask. */
export function fullEntry(id: number, values: Values, fields = 63): number[] {
  return [
    id,
    fields | 64,
    ...FIELDS.flatMap((field, i) => (fields & (1 << i) ? values[field] : [])),
  ];
}

/** The numbers of the delta entry between two states, with the fields of the mask. */
export function deltaEntry(id: number, from: Values, to: Values, mask: number): number[] {
  const values = FIELDS.flatMap((field, i) => {
    if ((mask & (1 << i)) === 0) return [];
    const isIncrease = field === 'count' || field === 'time';
    return [isIncrease ? to[field] - from[field] : to[field]];
  });
  return [id, mask, ...values];
}
