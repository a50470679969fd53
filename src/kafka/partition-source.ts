import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { type GatewayContext, InnerPublisher, type PublisherClaim } from '../gateway/index.ts';
import type { SentTick, TickMessages } from '../messages/tick-messages.ts';
import { TickBatch } from '../protocol/index.ts';
import type { ReadPartition, TopicPartition } from './client.ts';
import type { SourceFigures } from './source-figures.ts';

export interface PartitionSourceOptions extends TopicPartition {
  readonly messages: TickMessages;
  readonly figures: SourceFigures;
  readonly context: GatewayContext;
  readonly signal: AbortSignal;
  /** What others know of the publisher, in a cluster; undefined: this server is alone. */
  readonly claim: PublisherClaim | undefined;
}

/** Ticks accepted at once, unless a message has more, and without a break for clients. */
const BATCH_TICKS = 1024;
/** Pause while the queues have no space, ms. */
const FULL_MS = 5;

/**
 * A partition as the publisher `kafka.<topic>.<partition>`. The message at an offset is frame
 * offset + 1, and the last one accepted is where reading goes on after a restart: as far as the
 * journal got. Messages read together are accepted together, as the last one's frame; in a cluster
 * each by itself, or who takes a partition over would number the same ticks otherwise.
 */
export class PartitionSource {
  /** Offset to be read next. */
  offset: number;
  readonly topic: string;
  readonly partition: number;
  readonly #options: PartitionSourceOptions;
  readonly #publisher: InnerPublisher;
  readonly #batch = new TickBatch();
  /** Offset of the message that each tick of the batch is from. */
  #offsets: number[] = [];
  /** Ticks accepted since clients had their turn. */
  #ticksAtOnce = 0;

  constructor(options: PartitionSourceOptions) {
    const { claim, context, partition, topic } = options;
    this.topic = topic;
    this.partition = partition;
    this.#options = options;
    this.#publisher = new InnerPublisher(publisherOf(options), context, claim);
    this.offset = this.#publisher.sequence;
  }

  get isTakenOver(): boolean {
    return this.#publisher.isTakenOver;
  }

  /** Begins at an offset, and has whoever takes over begin there; false at a stop. */
  async begin(offset: number): Promise<boolean> {
    this.#begin();
    const isAlone = this.#options.claim === undefined;
    if (!isAlone && offset > this.offset && !(await this.#accept(offset))) return false;
    this.offset = offset;
    return true;
  }

  /** Accepts what was read, in its order; waits for space. Ends early at a stop. */
  async take({ messages, next }: ReadPartition): Promise<void> {
    const { ticksMax } = this.#publisher;
    const atOnce = this.#options.claim === undefined ? Math.min(BATCH_TICKS, ticksMax) : 0;
    this.#begin();
    for (const message of messages) {
      if (message.offset < this.offset) continue;
      const ticks = this.#options.messages.read(message, ticksMax);
      if (typeof ticks === 'string') {
        this.#options.figures.refuse(ticks, { ...this.#shown, offset: message.offset });
        continue;
      }
      if (this.#batch.count + ticks.length > atOnce && !(await this.#flush())) return;
      // A batch that grows loses what it has: it is empty, or large enough.
      if (this.#batch.count === 0) this.#batch.start(0, Math.max(ticks.length, BATCH_TICKS));
      addTicks(this.#batch, ticks);
      for (let i = 0; i < ticks.length; i++) this.#offsets.push(message.offset);
    }
    if (await this.#flush()) this.offset = next;
  }

  leave(): void {
    this.#publisher.leave();
  }

  /**
   * Accepts the batch as its last message's frame; false at a stop. What has no ticks is settled by
   * the ticks behind it.
   */
  async #flush(): Promise<boolean> {
    const last = this.#offsets.at(-1);
    return last === undefined || (await this.#accept(last + 1));
  }

  /** Accepts the batch, which may be empty, as frame `next`. */
  async #accept(next: number): Promise<boolean> {
    const { context, figures, signal } = this.#options;
    this.#batch.sequence = next;
    while (!this.#publisher.take(this.#batch)) {
      if (signal.aborted || this.isTakenOver) return false;
      figures.waits(this.topic);
      await delay(FULL_MS);
    }
    const { accepted, faults } = context.intake;
    figures.accept(this.topic, new Set(this.#offsets).size, accepted);
    for (let i = 0; i < faults.length; i += 2) {
      const offset = this.#offsets[faults[i] as number] ?? 0;
      figures.rejectTick(faults[i + 1] as number, { ...this.#shown, offset });
    }
    this.offset = next;
    this.#ticksAtOnce += this.#batch.count;
    this.#begin();
    if (this.#ticksAtOnce < BATCH_TICKS) return true;
    this.#ticksAtOnce = 0;
    // The thread has clients, too.
    await setImmediate();
    return true;
  }

  get #shown(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  #begin(): void {
    this.#batch.start(0, BATCH_TICKS);
    this.#offsets = [];
  }
}

/** The name of a partition as a publisher. */
export function publisherOf({ partition, topic }: TopicPartition): string {
  return `kafka.${topic}.${partition}`;
}

/** Adds ticks to a batch. */
function addTicks(batch: TickBatch, ticks: readonly SentTick[]): void {
  for (const { symbol, price, time } of ticks) {
    // A number would be an alias, and Kafka's publishers have none.
    batch.addValues(typeof symbol === 'string' ? symbol : undefined, price, time);
  }
}
