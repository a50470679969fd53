import { setTimeout as delay } from 'node:timers/promises';
import type { HeldRecords, KafkaSinkReadings, RecordKinds } from '../gateway/index.ts';
import type { KafkaMessage, KafkaProducer } from './client.ts';
import { type KafkaLog, noFigures, RecordSink } from './record-sink.ts';
import { SHARED_WORK, type SharedRecords } from './shared-work.ts';

export interface SharedRecordSinkOptions<Kind extends keyof RecordKinds> {
  readonly kind: Kind;
  readonly topic: string;
  readonly message: (record: RecordKinds[Kind]) => KafkaMessage;
  readonly producer: KafkaProducer;
  readonly log: KafkaLog;
  readonly pace: SharingPace;
}

/** How often things are done, ms. */
export interface SharingPace {
  /** Interval of looks whose work it is. */
  readonly lookMs: number;
  /** Shortest time between two writings of the position. */
  readonly saveMs: number;
  /** Wait after a failure to take it. */
  readonly retryMs: number;
}

export const USUAL_PACE: SharingPace = { lookMs: 200, saveMs: 1000, retryMs: 1000 };

/** Records of a kind on their way to a topic, of which one member of the cluster takes all. */
export class SharedRecordSink<Kind extends keyof RecordKinds> {
  readonly topic: string;
  readonly #options: SharedRecordSinkOptions<Kind>;
  readonly #cluster: SharedRecords;
  readonly #figures = noFigures();
  /** Undefined: another member does it. */
  #sink: RecordSink<RecordKinds[Kind]> | undefined;
  readonly #stop = new AbortController();
  #drainMs = 0;
  #canSave = true;
  #failuresToTake = 0;
  readonly #ended: Promise<void>;

  constructor(options: SharedRecordSinkOptions<Kind>, cluster: SharedRecords) {
    this.topic = options.topic;
    this.#options = options;
    this.#cluster = cluster;
    this.#ended = this.#run();
  }

  get readings(): KafkaSinkReadings {
    return { figures: this.#figures, waiting: this.#sink?.waiting ?? 0 };
  }

  /** Sends what waits, for at most `drainMs`, and lets another member go on. */
  async stop(drainMs: number): Promise<void> {
    this.#drainMs = drainMs;
    this.#stop.abort();
    await this.#ended;
  }

  get #isWanted(): boolean {
    const isOwn = this.#cluster.isOwn(SHARED_WORK.records(this.topic), '');
    return isOwn && !this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { pace } = this.#options;
    while (!this.#stop.signal.aborted) {
      const held = this.#isWanted ? await this.#take() : undefined;
      if (held === undefined) await this.#pause(pace.lookMs);
      else await this.#write(held);
    }
  }

  async #take(): Promise<HeldRecords<RecordKinds[Kind]> | undefined> {
    const { kind, log, pace } = this.#options;
    const { topic } = this;
    try {
      const held = await this.#cluster.records.take(kind, topic);
      this.#failuresToTake = 0;
      return held;
    } catch (error) {
      const message = 'records for Kafka wait: their position cannot be taken from the cluster';
      // Once is no fault: another member was faster.
      if (++this.#failuresToTake === 2) log.warn({ topic, err: error }, message);
      await this.#pause(pace.retryMs);
      return undefined;
    }
  }

  /** Sends records until the work is another member's. */
  async #write(held: HeldRecords<RecordKinds[Kind]>): Promise<void> {
    const { log, message, pace, producer } = this.#options;
    const { topic } = this;
    const figures = this.#figures;
    const { position } = held;
    log.info({ topic, position }, 'records go to Kafka from here');
    const sink = new RecordSink({
      topic,
      source: held,
      position,
      message,
      producer,
      log,
      figures,
    });
    this.#sink = sink;
    let saved = { position, stands: false };
    let savedAt = performance.now();
    while (this.#isWanted) {
      await this.#pause(pace.lookMs);
      // It stands while Kafka takes nothing.
      const now = { position: sink.position, stands: figures.isFailing };
      const isNews = now.position !== saved.position || (now.stands && !saved.stands);
      if (!isNews || performance.now() - savedAt < pace.saveMs) continue;
      savedAt = performance.now();
      const isOurs = await this.#save(() => held.save(now.position, now.stands));
      if (isOurs === false) break;
      if (isOurs === true) saved = now;
    }
    await sink.stop(this.#stop.signal.aborted ? this.#drainMs : 0);
    this.#sink = undefined;
    figures.isFailing = false;
    await this.#save(() => held.release(sink.position));
    log.info({ topic, position: sink.position }, 'records do not go to Kafka from here any more');
  }

  /** Undefined: it may not be saved. */
  async #save<Result>(save: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await save();
      this.#canSave = true;
      return result;
    } catch (error) {
      const { log } = this.#options;
      const message = 'positions of Kafka cannot be saved: a restart repeats records';
      if (this.#canSave) log.warn({ topic: this.topic, err: error }, message);
      this.#canSave = false;
      return undefined;
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
