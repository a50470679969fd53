import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayContext } from '../gateway/index.ts';
import { TickMessages, type TickPointers } from '../messages/tick-messages.ts';
import type { KafkaReader, ReadPartition, TopicPartition } from './client.ts';
import type { PartitionSource } from './partition-source.ts';
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

/** Reads topics: for each broker, the partitions that it leads, again and again. */
export class TickSource {
  readonly figures: SourceFigures;
  readonly #options: TickSourceOptions;
  readonly #partitions: SourcePartitions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #isFailing = false;

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
    await this.#ended;
    this.#partitions.leave();
  }

  async #run(): Promise<void> {
    const { log, reader, topics } = this.#options;
    const { signal } = this.#stop;
    for (let pause = RETRY_MS; !signal.aborted; pause = Math.min(2 * pause, RETRY_MS_MAX)) {
      const round = new AbortController();
      try {
        const leaders = await reader.leaders(topics);
        const timer = setTimeout(() => round.abort(), LEADERS_MS);
        const ended = [...leaders].map(([leader, led]) => this.#follow(leader, led, round));
        const results = await Promise.allSettled(ended);
        clearTimeout(timer);
        const failed = results.find((result) => result.status === 'rejected');
        if (failed !== undefined) throw failed.reason;
        pause = RETRY_MS;
      } catch (error) {
        this.figures.failures++;
        if (!this.#isFailing) log.warn({ topics, err: error }, 'Kafka cannot be read');
        this.#isFailing = true;
        await this.#pause(pause);
      }
    }
  }

  /** Reads the partitions of a broker until leaders are to be asked for again. */
  async #follow(
    leader: number,
    led: readonly TopicPartition[],
    round: AbortController,
  ): Promise<void> {
    try {
      while (!round.signal.aborted && !this.#stop.signal.aborted) {
        const wanted = await this.#partitions.wanted(led);
        if (wanted.length === 0) {
          await this.#pause(NOTHING_MS);
          continue;
        }
        const read = await this.#options.reader.read(leader, wanted);
        if (this.#isFailing) this.#options.log.info({}, 'Kafka can be read again');
        this.#isFailing = false;
        for (const each of read) await this.#take(each);
      }
    } finally {
      round.abort();
    }
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

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
