import type { RemoteEngine } from '../engine/index.ts';
import type { Bus, Reading } from './bus.ts';
import { MirroredShard } from './mirrored-shard.ts';
import type { ClusterNames } from './names.ts';
import { readAlert, readAnomaly } from './output-writer.ts';
import { writeQuestion } from './row-codec.ts';

/** Time for an owner to answer, ms. */
const ANSWER_MS = 2000;
/** Wait before a shard is asked for again, ms. */
const RETRY_MS = 500;
/** Shards that are asked for at a time. */
const ASKED_MAX = 32;
/** Interval of looks at shards that wait to be asked for again, ms. */
const CHECK_MS = 500;

/** What the mirrors have counted. */
export interface MirrorCounts {
  resyncs: number;
  /** Messages of rows, of an owner that was replaced, and missed ones. */
  rowMessages: number;
  staleMessages: number;
  missedMessages: number;
  /** Shards whose totals differed from their owner's. */
  mismatches: number;
}

interface Mirror {
  readonly rows: MirroredShard;
  isWanted: boolean;
  retryAt: number;
}

/**
 * Brings the rows, anomalies and alerts of all shards into the engine of this edge. What was missed
 * is asked for.
 */
export class ShardMirrors {
  readonly counts: MirrorCounts = {
    resyncs: 0,
    rowMessages: 0,
    staleMessages: 0,
    missedMessages: 0,
    mismatches: 0,
  };
  readonly #bus: Bus;
  readonly #names: ClusterNames;
  readonly #engine: RemoteEngine;
  readonly #mirrors: readonly Mirror[];
  /** An owner that says nothing for this long is gone, ms. */
  readonly #silenceMs: number;
  readonly #prefix: number;
  readonly #wanted = new Set<number>();
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  readonly #readings: Reading[] = [];
  #isStopped = false;

  constructor(bus: Bus, names: ClusterNames, engine: RemoteEngine, silenceMs: number) {
    this.#bus = bus;
    this.#names = names;
    this.#engine = engine;
    this.#silenceMs = silenceMs;
    this.#prefix = names.rows(0).length - 1;
    this.#mirrors = Array.from({ length: names.shards }, () => ({
      rows: new MirroredShard(engine),
      isWanted: false,
      retryAt: 0,
    }));
  }

  /** Begins; resolves once the anomalies and alerts that are stored have been read. */
  async start(): Promise<void> {
    const { alerts, anomalies, allRows } = this.#names;
    this.#unsubscribe = this.#bus.subscribe(allRows, (payload, subject) =>
      this.#take(Number(subject.slice(this.#prefix)), payload),
    );
    for (let shard = 0; shard < this.#mirrors.length; shard++) this.#want(shard);
    this.#timer = setInterval(() => this.#ask(), CHECK_MS).unref();
    this.#engine.isReadingPast = true;
    await this.#follow(anomalies, (payload) => this.#engine.mirrorAnomaly(readAnomaly(payload)));
    await this.#follow(alerts, (payload) => this.#engine.mirrorAlert(readAlert(payload)));
    this.#engine.isReadingPast = false;
  }

  /** Passes on outputs, from the first; resolves once those that are stored now have been read. */
  async #follow(filter: string, take: (payload: Uint8Array) => void): Promise<void> {
    const { outputLog } = this.#names;
    const last = await this.#bus.last(outputLog, filter);
    const end = last?.sequence ?? 0;
    await new Promise<void>((resolve) => {
      if (end === 0) resolve();
      const reading = this.#bus.read(outputLog, [filter], 1, ({ payload, sequence }) => {
        take(payload);
        if (sequence >= end) resolve();
      });
      this.#readings.push(reading);
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
    for (const reading of this.#readings) reading.stop();
  }

  /** Shards whose owner is not heard, or whose rows are not all here; the longest silence, ms. */
  get behind(): { readonly shards: number; readonly silentMs: number } {
    const now = performance.now();
    let shards = 0;
    let silentMs = 0;
    for (const { rows } of this.#mirrors) {
      const { heardAt, isSynced } = rows;
      if (isSynced && now - heardAt <= this.#silenceMs) continue;
      shards++;
      silentMs = Math.max(silentMs, now - heardAt);
    }
    return { shards, silentMs };
  }

  /** The epoch of a shard's owner; 0: it is not known. */
  epochs(): readonly number[] {
    return this.#mirrors.map(({ rows }) => rows.epoch);
  }

  /** Where the life of a symbol began; undefined: it has no row. */
  lifeOf(shard: number, symbolId: number): number | undefined {
    return this.#mirrors[shard]?.rows.lifeOf(symbolId);
  }

  #take(shard: number, payload: Uint8Array): void {
    const rows = this.#mirrors[shard]?.rows;
    if (rows === undefined) return;
    const { counts } = this;
    counts.rowMessages++;
    const taken = rows.take(payload);
    if (taken === 'stale') counts.staleMessages++;
    if (taken === 'mismatch') counts.mismatches++;
    if (taken === 'gap' && rows.isSynced) counts.missedMessages++;
    if (taken === 'gap' || taken === 'mismatch') rows.isSynced = false;
    if (taken !== 'stale' && !rows.isSynced) this.#want(shard);
  }

  #want(shard: number): void {
    const mirror = this.#mirrors[shard] as Mirror;
    if (mirror.isWanted || this.#isStopped) return;
    mirror.isWanted = true;
    this.#wanted.add(shard);
    this.#ask();
  }

  #ask(): void {
    const now = performance.now();
    for (const shard of this.#wanted) {
      if (this.#asked >= ASKED_MAX) return;
      const mirror = this.#mirrors[shard] as Mirror;
      if (mirror.retryAt > now) continue;
      this.#wanted.delete(shard);
      this.#asked++;
      void this.#sync(shard, mirror).finally(() => {
        this.#asked--;
        this.#ask();
      });
    }
  }

  /** Asks for all rows of a shard. */
  async #sync(shard: number, mirror: Mirror): Promise<void> {
    mirror.isWanted = false;
    const { rows } = mirror;
    try {
      const asking = rows.ask();
      let from = 0;
      let { epoch } = rows;
      do {
        const question = writeQuestion({ epoch, from });
        const answer = await this.#bus.request(this.#names.query(shard), question, ANSWER_MS);
        from = rows.takeAnswer(asking, answer);
        epoch = rows.epoch;
      } while (from !== 0);
      this.counts.resyncs++;
    } catch {
      // No owner yet, or another one: it will be heard, or is asked again.
      mirror.retryAt = performance.now() + RETRY_MS;
      this.#want(shard);
    }
  }
}
