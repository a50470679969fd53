import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayContext } from '../gateway/index.ts';
import { TickMessages, type TickPointers } from '../messages/tick-messages.ts';
import type { KafkaReader, ReadPartition, TopicPartition } from './client.ts';
import { PartitionSource } from './partition-source.ts';
import type { KafkaLog } from './record-sink.ts';
import { SourceFigures } from './source-figures.ts';

export interface TickSourceOptions extends TickPointers {
  readonly topics: readonly string[];
  /** Where a partition begins that was never read. */
  readonly ticksFrom: 'earliest' | 'latest';
  readonly reader: KafkaReader;
  readonly log: KafkaLog;
}

/** Time after which leaders and partitions are asked for again, ms. */
const LEADERS_MS = 30_000;
/** First and longest pause after a failure, ms. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 5000;

/** Reads topics: for each broker, the partitions that it leads, again and again. */
export class TickSource {
  readonly figures: SourceFigures;
  readonly #options: TickSourceOptions;
  readonly #context: GatewayContext;
  readonly #messages: TickMessages;
  readonly #sources = new Map<string, PartitionSource>();
  /** Those that are read no more. */
  readonly #over = new Set<PartitionSource>();
  readonly #lags = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #isFailing = false;

  constructor(options: TickSourceOptions, context: GatewayContext) {
    this.#options = options;
    this.#context = context;
    this.#messages = new TickMessages(options);
    this.figures = new SourceFigures(options.topics, options.log);
    this.#ended = this.#run();
  }

  /** Reads nothing more. What was accepted stays so. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    for (const source of this.#sources.values()) source.leave();
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
      const sources: PartitionSource[] = [];
      for (const partition of led) sources.push(await this.#sourceOf(partition));
      while (!round.signal.aborted && !this.#stop.signal.aborted) {
        const wanted = sources.filter((source) => !this.#over.has(source));
        if (wanted.length === 0) {
          await this.#pause(RETRY_MS_MAX);
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
    const source = await this.#sourceOf(read);
    if (read.isOutOfRange) await this.#goOn(source);
    else await source.take(read);
    if (source.isTakenOver) {
      this.#over.add(source);
      const { partition, topic } = read;
      const message = 'a connection took the name of a partition of Kafka, which is read no more';
      this.#options.log.error({ topic, partition }, message);
    }
    this.#lags.set(keyOf(read), Math.max(0, read.end - source.offset));
    const { topic } = read;
    let lag = 0;
    for (const [key, messages] of this.#lags) if (key.startsWith(`${topic}/`)) lag += messages;
    this.figures.lag.set(topic, lag);
  }

  /** A partition begins later than where reading stopped: what is between is gone. */
  async #goOn(source: PartitionSource): Promise<void> {
    const { log, reader } = this.#options;
    const { offset, partition, topic } = source;
    const { end, first } = await reader.range(topic, partition);
    const at = { topic, partition, offset, first, end };
    if (offset > end) {
      log.error(at, 'a topic of Kafka ends before what was read of it: was it made anew?');
      this.#over.add(source);
      return;
    }
    if (offset >= first) return;
    this.figures.lose(topic, first - offset);
    log.error(at, 'Kafka has removed messages before they were read');
    source.offset = first;
  }

  async #sourceOf({ topic, partition }: TopicPartition): Promise<PartitionSource> {
    const key = keyOf({ topic, partition });
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const options = { messages: this.#messages, figures: this.figures, signal: this.#stop.signal };
    const source = new PartitionSource({ topic, partition, context: this.#context, ...options });
    if (source.offset === 0) {
      const { end, first } = await this.#options.reader.range(topic, partition);
      source.offset = this.#options.ticksFrom === 'latest' ? end : first;
    }
    this.#sources.set(key, source);
    return source;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
