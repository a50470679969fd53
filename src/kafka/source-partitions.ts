import type { GatewayContext } from '../gateway/index.ts';
import type { TickMessages } from '../messages/tick-messages.ts';
import type { KafkaReader, TopicPartition } from './client.ts';
import { PartitionSource, publisherOf } from './partition-source.ts';
import type { KafkaLog } from './record-sink.ts';
import { SHARED_WORK } from './shared-work.ts';
import type { SourceFigures } from './source-figures.ts';

export interface SourcePartitionsOptions {
  /** Where a partition begins that was never read. */
  readonly ticksFrom: 'earliest' | 'latest';
  readonly reader: KafkaReader;
  readonly log: KafkaLog;
  readonly context: GatewayContext;
  readonly messages: TickMessages;
  readonly figures: SourceFigures;
  readonly signal: AbortSignal;
}

/** Wait before a partition that another member has, or had, is claimed again, ms. */
const CLAIM_MS = 1000;

/**
 * The partitions that this server reads: all, or in a cluster those that are its own, which it
 * claims as an edge claims a publisher's name.
 */
export class SourcePartitions {
  readonly #options: SourcePartitionsOptions;
  readonly #sources = new Map<string, PartitionSource>();
  /** Those that are read no more. */
  readonly #over = new Set<string>();
  /** When partitions may be claimed again, by `performance.now`. */
  readonly #claimableAt = new Map<string, number>();
  readonly #lags = new Map<string, number>();
  #cannotClaim = false;

  constructor(options: SourcePartitionsOptions) {
    this.#options = options;
  }

  /** Of some partitions, those to be read now. */
  async wanted(partitions: readonly TopicPartition[]): Promise<readonly PartitionSource[]> {
    const wanted: PartitionSource[] = [];
    for (const partition of partitions) {
      const key = keyOf(partition);
      if (this.#over.has(key)) continue;
      if (!this.#isOwn(partition)) this.#giveUp(key);
      else {
        const source = this.#sources.get(key) ?? (await this.#open(partition));
        if (source !== undefined) wanted.push(source);
      }
    }
    return wanted;
  }

  of(partition: TopicPartition): PartitionSource | undefined {
    return this.#sources.get(keyOf(partition));
  }

  /** Another took a partition's name: a client, or in a cluster the member whose it is now. */
  lost(source: PartitionSource): void {
    const key = keyOf(source);
    if (this.#options.context.cluster === undefined) {
      this.end(source);
      const { partition, topic } = source;
      const message = 'a connection took the name of a partition of Kafka, which is read no more';
      this.#options.log.error({ topic, partition }, message);
      return;
    }
    this.#claimableAt.set(key, performance.now() + CLAIM_MS);
    this.#giveUp(key);
  }

  /** A partition is read no more. */
  end(source: PartitionSource): void {
    this.#over.add(keyOf(source));
  }

  /** How many messages of a partition are not read yet. */
  tellLag(source: PartitionSource, messages: number): void {
    this.#lags.set(keyOf(source), messages);
    this.#sumLags(source.topic);
  }

  leave(): void {
    for (const source of this.#sources.values()) source.leave();
    this.#sources.clear();
  }

  #isOwn({ partition, topic }: TopicPartition): boolean {
    const { cluster } = this.#options.context;
    return cluster === undefined || cluster.isOwn(SHARED_WORK.ticks(topic), String(partition));
  }

  /** Another member reads it, or will. */
  #giveUp(key: string): void {
    const source = this.#sources.get(key);
    if (source === undefined) return;
    const { offset, partition, topic } = source;
    const message = 'no longer reads a partition of Kafka';
    this.#options.log.info({ topic, partition, offset }, message);
    source.leave();
    this.#sources.delete(key);
    this.#lags.delete(key);
    this.#sumLags(source.topic);
  }

  /** Undefined: it cannot be had now. */
  async #open({ partition, topic }: TopicPartition): Promise<PartitionSource | undefined> {
    const { context, figures, log, messages, reader, signal, ticksFrom } = this.#options;
    const key = keyOf({ topic, partition });
    if (performance.now() < (this.#claimableAt.get(key) ?? 0)) return undefined;
    const { end, first } = await reader.range(topic, partition);
    const name = publisherOf({ topic, partition });
    const claim = await context.cluster?.claim(name).catch((error: unknown) => {
      this.#claimableAt.set(key, performance.now() + CLAIM_MS);
      if (!this.#cannotClaim) {
        log.warn({ topic, partition, err: error }, 'a partition of Kafka cannot be claimed');
      }
      this.#cannotClaim = true;
      return undefined;
    });
    if (context.cluster !== undefined && claim === undefined) return undefined;
    this.#cannotClaim = false;
    const source = new PartitionSource({
      topic,
      partition,
      messages,
      figures,
      context,
      signal,
      claim,
    });
    this.#sources.set(key, source);
    if (source.offset === 0) {
      const isBegun = await source.begin(ticksFrom === 'latest' ? end : first);
      if (!isBegun) return undefined;
    }
    const { offset } = source;
    if (claim !== undefined) log.info({ topic, partition, offset }, 'reads a partition of Kafka');
    return source;
  }

  #sumLags(topic: string): void {
    let lag = 0;
    for (const [key, messages] of this.#lags) if (key.startsWith(`${topic}/`)) lag += messages;
    this.#options.figures.lag.set(topic, lag);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
