import type { GatewayLog } from '../gateway/index.ts';
import { RefusalLines } from '../messages/refusal-lines.ts';
import { FEED_RESULTS, type FeedResult, TICK_FAULTS, type TickFault } from './feed-reader.ts';

/** What owners count of the messages of feeds, and say of what they refuse. */
export class FeedFigures {
  readonly messages = new Map<FeedResult, number>(FEED_RESULTS.map((result) => [result, 0]));
  readonly refusedTicks = new Map<TickFault, number>(TICK_FAULTS.map((fault) => [fault, 0]));
  readonly #log: GatewayLog;
  readonly #lines = new RefusalLines();

  constructor(log: GatewayLog) {
    this.#log = log;
  }

  count(result: FeedResult, subject: string, position: number): void {
    this.messages.set(result, (this.messages.get(result) ?? 0) + 1);
    // These are how senders send again.
    if (result === 'taken' || result === 'duplicate' || result === 'gap') return;
    this.#say(result, subject, position);
  }

  refuseTick(fault: TickFault, subject: string, position: number): void {
    this.refusedTicks.set(fault, (this.refusedTicks.get(fault) ?? 0) + 1);
    this.#say(fault, subject, position);
  }

  #say(reason: string, subject: string, position: number): void {
    const others = this.#lines.due(reason);
    if (others === undefined) return;
    const message = { subject, position, reason, others };
    this.#log.warn(message, 'a message of a feed, or a tick of it, is refused');
  }
}
