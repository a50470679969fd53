import { RefusalLines } from '../messages/refusal-lines.ts';
import { BAD_MESSAGES, type BadMessage } from '../messages/tick-messages.ts';
import { ErrorCode } from '../protocol/index.ts';
import type { PartitionOffset } from './client.ts';
import type { KafkaLog } from './record-sink.ts';

/** What sources count, and say of what they cannot take. */
export class SourceFigures {
  /** By topic. */
  readonly messages = new Map<string, number>();
  readonly ticks = new Map<string, number>();
  readonly lag = new Map<string, number>();
  readonly lost = new Map<string, number>();
  /** Times that a batch found no space, by topic. */
  readonly waited = new Map<string, number>();
  /** By reason. */
  readonly bad = new Map<string, number>(BAD_MESSAGES.map((reason) => [reason, 0]));
  failures = 0;
  readonly #log: KafkaLog;
  readonly #lines = new RefusalLines();

  constructor(topics: readonly string[], log: KafkaLog) {
    this.#log = log;
    for (const map of [this.messages, this.ticks, this.lag, this.lost, this.waited]) {
      for (const topic of topics) map.set(topic, 0);
    }
  }

  accept(topic: string, messages: number, ticks: number): void {
    add(this.messages, topic, messages);
    add(this.ticks, topic, ticks);
  }

  waits(topic: string): void {
    add(this.waited, topic, 1);
  }

  lose(topic: string, messages: number): void {
    add(this.lost, topic, messages);
  }

  /** A message has no ticks. */
  refuse(reason: BadMessage, at: PartitionOffset): void {
    add(this.bad, reason, 1);
    this.#say(reason, at);
  }

  /** A tick of a message was rejected. */
  rejectTick(code: number, at: PartitionOffset): void {
    const [reason = 'unknown'] =
      Object.entries(ErrorCode).find(([, value]) => value === code) ?? [];
    this.#say(reason, at);
  }

  #say(reason: string, at: PartitionOffset): void {
    const others = this.#lines.due(reason);
    if (others === undefined) return;
    this.#log.warn({ ...at, reason, others }, 'a message of Kafka, or a tick of it, is refused');
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
