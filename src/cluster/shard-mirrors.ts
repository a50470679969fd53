import type { RemoteEngine } from '../engine/index.ts';
import type { Bus, Reading } from './bus.ts';
import type { ClusterNames } from './names.ts';
import { readAlert, readAnomaly } from './output-writer.ts';
import { type RowsHeader, readRows, readRowsHeader, writeQuestion } from './row-codec.ts';

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
  epoch: number;
  n: number;
  /** Ticks and symbols of its rows here. */
  ticks: number;
  symbols: number;
  /** On the clock of `performance.now`; 0: nothing was heard of it yet. */
  heardAt: number;
  isSynced: boolean;
  isWanted: boolean;
  retryAt: number;
}

/**
 * Brings the rows, anomalies and alerts of all shards into the engine of this edge. Rows are
 * absolute and count up, so they may come twice and in any order; what was missed is asked for.
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
      epoch: 0,
      n: 0,
      ticks: 0,
      symbols: 0,
      heardAt: 0,
      isSynced: false,
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
    await this.#follow(anomalies, (payload) => this.#engine.mirrorAnomaly(readAnomaly(payload)));
    await this.#follow(alerts, (payload) => this.#engine.mirrorAlert(readAlert(payload)));
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
    for (const { heardAt, isSynced } of this.#mirrors) {
      if (isSynced && now - heardAt <= this.#silenceMs) continue;
      shards++;
      silentMs = Math.max(silentMs, now - heardAt);
    }
    return { shards, silentMs };
  }

  /** The epoch of a shard's owner; 0: it is not known. */
  epochs(): readonly number[] {
    return this.#mirrors.map(({ epoch }) => epoch);
  }

  #take(shard: number, payload: Uint8Array): void {
    const mirror = this.#mirrors[shard];
    if (mirror === undefined) return;
    const header = readRowsHeader(payload);
    const { epoch, n } = header;
    this.counts.rowMessages++;
    if (epoch < mirror.epoch) {
      this.counts.staleMessages++;
      return;
    }
    mirror.heardAt = performance.now();
    const isGap = epoch > mirror.epoch || n > mirror.n + 1;
    if (isGap && mirror.isSynced) this.counts.missedMessages++;
    mirror.epoch = epoch;
    mirror.n = n;
    this.#apply(mirror, payload);
    if (isGap) mirror.isSynced = false;
    if (!mirror.isSynced) this.#want(shard);
    else this.#compare(shard, mirror, header);
  }

  #apply(mirror: Mirror, payload: Uint8Array): void {
    readRows(payload, (start, end, row) => {
      const more = this.#engine.mirrorRow(payload, start, end, row);
      if (more === 0) return;
      mirror.ticks += more;
      if (more === row[COUNT]) mirror.symbols++;
    });
  }

  /** The rows here are to be those of the owner. */
  #compare(shard: number, mirror: Mirror, { symbols, ticks }: RowsHeader): void {
    // Where symbols did not fit, there is nothing to compare.
    if (Number.isNaN(ticks) || this.#engine.unmirrored > 0) return;
    if (mirror.ticks === ticks && mirror.symbols === symbols) return;
    // It may have been ahead of a later message; an owner before may have been ahead of this one.
    if (mirror.ticks > ticks) return;
    this.counts.mismatches++;
    mirror.isSynced = false;
    this.#want(shard);
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
    try {
      let from = 0;
      let epoch = mirror.epoch;
      do {
        const question = writeQuestion({ epoch, from });
        const answer = await this.#bus.request(this.#names.query(shard), question, ANSWER_MS);
        const header = readRowsHeader(answer);
        if (header.epoch < mirror.epoch) throw new Error('an owner before');
        epoch = header.epoch;
        if (header.epoch > mirror.epoch) {
          mirror.epoch = header.epoch;
          mirror.n = header.n;
        }
        mirror.n = Math.max(mirror.n, header.n);
        mirror.heardAt = performance.now();
        this.#apply(mirror, answer);
        from = header.next;
      } while (from !== 0);
      mirror.isSynced = true;
      this.counts.resyncs++;
    } catch {
      // No owner yet, or another one: it will be heard, or is asked again.
      mirror.retryAt = performance.now() + RETRY_MS;
      this.#want(shard);
    }
  }
}

/** Index of a row's count of ticks. */
const COUNT = 2;
