import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayContext } from '../gateway/index.ts';
import { TickMessages, type TickPointers } from '../messages/tick-messages.ts';
import type { KafkaReader, ReadPartition, TopicPartition } from './client.ts';
import { type PartitionSource, publisherOf } from './partition-source.ts';
import type { KafkaLog } from './record-sink.ts';
import { SourceFigures } from './source-figures.ts';
import { SourcePartitions } from './source-partitions.ts';

export interface TickSourceOptions extends TickPointers {
  readonly topics: readonly string[];
  /** Where a partition begins that was never read. */
  readonly ticksFrom: 'earliest' | 'latest';
  readonly reader: KafkaReader;
  readonly log: KafkaLog;
}

/** Time after which leaders and partitions are asked for again, ms. */
const LEADERS_MS = 30_000;
/** Pause where no partition is to be read here, ms. */
const NOTHING_MS = 500;
/** First and longest pause after a failure, ms. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 5000;

/**
 * Reads topics: for each broker, the partitions that it leads, again and again. Each broker by
 * itself: one that fails, or does not answer, holds no other back.
 */
export class TickSource {
  readonly figures: SourceFigures;
  readonly #options: TickSourceOptions;
  readonly #partitions: SourcePartitions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #leaders: ReadonlyMap<number, readonly TopicPartition[]> = new Map();
  readonly #followed = new Map<number, Promise<void>>();
  /** Partitions that are being read, maybe yet from the broker that led them before. */
  readonly #busy = new Set<string>();
  /** Brokers that failed last; undefined: so did the question who leads. */
  readonly #failing = new Set<number | undefined>();
  /** Has leaders asked for at once. */
  #wake = new AbortController();

  constructor(options: TickSourceOptions, context: GatewayContext) {
    this.#options = options;
    this.figures = new SourceFigures(options.topics, options.log);
    this.#partitions = new SourcePartitions({
      ...options,
      context,
      messages: new TickMessages(options),
      figures: this.figures,
      signal: this.#stop.signal,
    });
    this.#ended = this.#run();
  }

  /** Reads nothing more. What was accepted stays so. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#ended;
    this.#partitions.leave();
  }

  async #run(): Promise<void> {
    const { reader, topics } = this.#options;
    let pause = RETRY_MS;
    while (!this.#stop.signal.aborted) {
      // A failure while they are asked for may be of those before.
      this.#wake = new AbortController();
      try {
        this.#leaders = await reader.leaders(topics);
        this.#succeed(undefined);
        pause = RETRY_MS;
        for (const leader of this.#leaders.keys()) {
          if (!this.#followed.has(leader)) this.#followed.set(leader, this.#follow(leader));
        }
        await this.#pause(LEADERS_MS, this.#wake.signal);
      } catch (error) {
        this.#fail(undefined, error);
        await this.#pause(pause);
        pause = Math.min(2 * pause, RETRY_MS_MAX);
      }
    }
    await Promise.all(this.#followed.values());
  }

  /** Reads the partitions of a broker for as long as it leads some. */
  async #follow(leader: number): Promise<void> {
    let pause = RETRY_MS;
    while (!this.#stop.signal.aborted) {
      const led = this.#leaders.get(leader);
      if (led === undefined) break;
      try {
        if (await this.#read(leader, led)) pause = RETRY_MS;
        else await this.#pause(NOTHING_MS);
      } catch (error) {
        this.#fail(leader, error);
        this.#wake.abort();
        await this.#pause(pause);
        pause = Math.min(2 * pause, RETRY_MS_MAX);
      }
    }
    this.#failing.delete(leader);
    this.#followed.delete(leader);
  }

  /** Reads once of what a broker leads; false: there is nothing to be read here. */
  async #read(leader: number, led: readonly TopicPartition[]): Promise<boolean> {
    const free = led.filter((each) => !this.#busy.has(publisherOf(each)));
    for (const each of free) this.#busy.add(publisherOf(each));
    try {
      const wanted = await this.#partitions.wanted(free);
      if (wanted.length === 0) return false;
      const read = await this.#options.reader.read(leader, wanted);
      this.#succeed(leader);
      for (const each of read) await this.#take(each);
      return true;
    } finally {
      for (const each of free) this.#busy.delete(publisherOf(each));
    }
  }

  #fail(leader: number | undefined, error: unknown): void {
    const { log, topics } = this.#options;
    this.figures.failures++;
    const isKnown = this.#failing.has(leader);
    this.#failing.add(leader);
    if (!isKnown) log.warn({ topics, leader, err: error }, 'Kafka cannot be read');
  }

  #succeed(leader: number | undefined): void {
    if (!this.#failing.delete(leader)) return;
    this.#options.log.info({ leader }, 'Kafka can be read again');
  }

  async #take(read: ReadPartition): Promise<void> {
    const source = this.#partitions.of(read);
    if (source === undefined) return;
    if (read.isOutOfRange) await this.#goOn(source);
    else await source.take(read);
    if (source.isTakenOver) this.#partitions.lost(source);
    else this.#partitions.tellLag(source, Math.max(0, read.end - source.offset));
  }

  /** A partition begins later than where reading stopped: what is between is gone. */
  async #goOn(source: PartitionSource): Promise<void> {
    const { log, reader } = this.#options;
    const { offset, partition, topic } = source;
    const { end, first } = await reader.range(topic, partition);
    const at = { topic, partition, offset, first, end };
    if (offset > end) {
      log.error(at, 'a topic of Kafka ends before what was read of it: was it made anew?');
      this.#partitions.end(source);
      return;
    }
    if (offset >= first) return;
    this.figures.lose(topic, first - offset);
    log.error(at, 'Kafka has removed messages before they were read');
    source.offset = first;
  }

  async #pause(ms: number, signal = this.#stop.signal): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }
}
