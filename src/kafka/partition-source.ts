import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { type GatewayContext, InnerPublisher } from '../gateway/index.ts';
import type { SentTick, TickMessages } from '../messages/tick-messages.ts';
import { TickBatch } from '../protocol/index.ts';
import type { ReadPartition, TopicPartition } from './client.ts';
import type { SourceFigures } from './source-figures.ts';

export interface PartitionSourceOptions extends TopicPartition {
  readonly messages: TickMessages;
  readonly figures: SourceFigures;
  readonly context: GatewayContext;
  readonly signal: AbortSignal;
}

/** Ticks accepted at once, unless a message has more. */
const BATCH_TICKS = 1024;
/** Pause while the queues have no space, ms. */
const FULL_MS = 5;

/**
 * A partition as the publisher `kafka.<topic>.<partition>`. The message at an offset is frame
 * offset + 1, and the last one accepted is where reading goes on after a restart: as far as the
 * journal got. Messages read together are accepted together, as the last one's frame.
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

  constructor(options: PartitionSourceOptions) {
    const { context, partition, topic } = options;
    this.topic = topic;
    this.partition = partition;
    this.#options = options;
    this.#publisher = new InnerPublisher(`kafka.${topic}.${partition}`, context);
    this.offset = this.#publisher.sequence;
  }

  get isTakenOver(): boolean {
    return this.#publisher.isTakenOver;
  }

  /** Accepts what was read, in its order; waits for space. Ends early at a stop. */
  async take({ messages, next }: ReadPartition): Promise<void> {
    const { ticksMax } = this.#publisher;
    this.#begin();
    for (const message of messages) {
      if (message.offset < this.offset) continue;
      const ticks = this.#options.messages.read(message, ticksMax);
      if (typeof ticks === 'string') {
        this.#options.figures.refuse(ticks, { ...this.#shown, offset: message.offset });
        continue;
      }
      const count = this.#batch.count + ticks.length;
      const isFull = this.#batch.count > 0 && count > Math.min(BATCH_TICKS, ticksMax);
      if (isFull && !(await this.#flush(message.offset))) return;
      // A batch that grows loses what it has: it is empty, or large enough.
      if (this.#batch.count === 0) this.#batch.start(0, Math.max(ticks.length, BATCH_TICKS));
      addTicks(this.#batch, ticks);
      for (let i = 0; i < ticks.length; i++) this.#offsets.push(message.offset);
    }
    if (await this.#flush(next)) this.offset = next;
  }

  leave(): void {
    this.#publisher.leave();
  }

  /** Accepts the batch as the frame of the message before `next`; false at a stop. */
  async #flush(next: number): Promise<boolean> {
    const { context, figures, signal } = this.#options;
    this.#batch.sequence = next;
    // Bad messages at the end of what was read are settled by the ticks behind them.
    if (this.#batch.count === 0) return true;
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
    this.#begin();
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

/** Adds ticks to a batch. */
function addTicks(batch: TickBatch, ticks: readonly SentTick[]): void {
  for (const { symbol, price, time } of ticks) {
    // A number would be an alias, and Kafka's publishers have none.
    batch.addValues(typeof symbol === 'string' ? symbol : undefined, price, time);
  }
}
