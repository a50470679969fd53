import { type Engine, partitionOf, symbolHash } from '../engine/index.ts';

/** The id of a symbol that the engine does not hold now. */
const NONE = -1;
const encoder = new TextEncoder();

/** The symbols of a journal's segments in the engine that replays it, by the journal's ids. */
export class SymbolMap {
  readonly #engine: Engine;
  /** By id in the journal: name, id in the engine, and the partition that had it. */
  #names: (string | undefined)[] = [];
  #ids: number[] = [];
  #partitions: number[] = [];
  /** Last records of symbols that begin a new life during the replay, by name. */
  readonly #last = new Map<string, { anomalies: number; alerts: number }>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A segment begins: ids mean nothing beyond one. */
  clear(): void {
    this.#names = [];
    this.#ids = [];
    this.#partitions = [];
  }

  /**
   * @param partitions of the server that wrote the journal
   * @param continuesFrom its last anomaly, where the symbol begins a new life; else undefined
   */
  declare(id: number, name: string, partitions: number, continuesFrom: number | undefined): void {
    const bytes = encoder.encode(name);
    this.#names[id] = name;
    this.#partitions[id] = partitionOf(symbolHash(bytes, 0, bytes.length), partitions);
    const known = this.#engine.symbols.find(bytes, 0, bytes.length);
    this.#ids[id] = known < 0 ? NONE : known;
    if (continuesFrom === undefined) return;
    this.#last.set(name, { anomalies: continuesFrom, alerts: 0 });
    // With a name that the snapshot has without a tick.
    if (known >= 0) this.#engine.continueAnomalies(known, continuesFrom);
  }

  /** A symbol that was declared begins a new life, and had alerts before. */
  continueAlerts(id: number, continuesFrom: number): void {
    const last = this.#last.get(this.#names[id] as string);
    if (last !== undefined) last.alerts = continuesFrom;
    const known = this.live(id);
    if (known !== undefined) this.#engine.continueAlerts(known, continuesFrom);
  }

  /** Its partition in the server that wrote the journal. */
  partition(id: number): number {
    return this.#partitions[id] as number;
  }

  /** Its id in the engine; registers it if need be, with the numbers of its last records. */
  resolve(id: number): number {
    const known = this.#ids[id];
    if (known !== undefined && known !== NONE) return known;
    const name = this.#names[id];
    if (name === undefined) throw new RangeError(`symbol ${id} is not declared`);
    const bytes = encoder.encode(name);
    const symbolId = this.#engine.symbols.register(bytes, 0, bytes.length);
    const { anomalies = 0, alerts = 0 } = this.#last.get(name) ?? {};
    if (anomalies > 0) this.#engine.continueAnomalies(symbolId, anomalies);
    if (alerts > 0) this.#engine.continueAlerts(symbolId, alerts);
    this.#ids[id] = symbolId;
    return symbolId;
  }

  /** Its id in the engine; undefined if there is none now. */
  live(id: number): number | undefined {
    const known = this.#ids[id];
    return known === NONE ? undefined : known;
  }

  /** The engine is about to forget a symbol; its next tick begins a new life. */
  retired(id: number, symbolId: number): void {
    this.#last.set(this.#names[id] as string, {
      anomalies: this.#engine.statistics.anomalies(symbolId),
      alerts: this.#engine.lastAlert(symbolId),
    });
    this.#ids[id] = NONE;
  }
}
