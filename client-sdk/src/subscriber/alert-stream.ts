import {
  type AlertHistoryTuple,
  type Frame,
  namedAlert,
  Op,
  type RuleKind,
} from '../../../src/protocol/index.ts';
import type { Alert } from './alert.ts';
import type { NumberedFeed, NumberedPage } from './numbered-feed.ts';
import type { SubscriberEvents } from './subscriber-events.ts';

type Name = (symbol: string, values: AlertHistoryTuple) => Alert;

/** What it needs from its subscriber. */
export interface AlertStreamOwner {
  readonly state: string;
  /** The newest session's, if there was one. */
  readonly session: { readonly epoch: string } | undefined;
  readonly counters: { alerts: number };
  readonly emitter: {
    emit<Event extends 'alert' | 'alertGap'>(event: Event, content: SubscriberEvents[Event]): void;
  };
  page(
    op: number,
    symbol: string,
    after: number,
    limit: number,
    name: Name,
  ): Promise<NumberedPage<Alert>>;
  takeNumbered(frame: Frame, feed: NumberedFeed<Alert>, name: Name): void;
}

/** Makes the feed of alerts of a subscriber; loaded when alerts are asked for. */
export class AlertStream {
  readonly feed: NumberedFeed<Alert>;
  readonly #owner: AlertStreamOwner;
  /** Names and kinds of rules by their ids, as this session was told. */
  readonly #rules = new Map<number, readonly [name: string, kind: RuleKind]>();

  /** @param Feed the class, which is loaded already */
  constructor(owner: AlertStreamOwner, Feed: typeof NumberedFeed) {
    this.#owner = owner;
    this.feed = new Feed<Alert>({
      history: (symbol, after, limit) =>
        owner.page(Op.ALERT_HISTORY, symbol, after, limit, this.#named),
      hasSession: () => owner.state === 'live',
      timeOf: ({ time }) => time,
      deliver: (alert) => {
        owner.counters.alerts++;
        owner.emitter.emit('alert', alert);
      },
      missed: (gap) => owner.emitter.emit('alertGap', gap),
    });
    // It may be loaded only after the session began.
    this.feed.resume(owner.session?.epoch ?? '');
  }

  /** A session starts: see {@link NumberedFeed.resume}. */
  resume(epoch: string): ReadonlyMap<string, number> {
    this.#rules.clear();
    return this.feed.resume(epoch);
  }

  /**
   * Takes a frame, if it is ALERT or RULES.
   *
   * @throws RangeError if it names a symbol or a rule by an id without a name
   */
  take(frame: Frame): void {
    if (frame[0] === Op.RULES) {
      const list = frame[1] as (number | string)[];
      for (let i = 0; i + 2 < list.length; i += 3) {
        const [id, name, kind] = list.slice(i) as [number, string, RuleKind];
        this.#rules.set(id, [name, kind]);
      }
    } else if (frame[0] === Op.ALERT) {
      this.#owner.takeNumbered(frame, this.feed, this.#named);
    }
  }

  readonly #named = (symbol: string, values: AlertHistoryTuple): Alert => {
    const [sequence, ruleId, episode, phase, level, direction, reference, price, ...rest] = values;
    const [changePercent, time, startTime, peak, count, reason] = rest;
    const rule = this.#rules.get(ruleId);
    if (rule === undefined) throw new RangeError(`rule id ${ruleId} has no name`);
    const codes = { phase, level, direction, reason };
    const numbers = { reference, price, changePercent, time, startTime, peak, count };
    const alert = { symbol, sequence, rule: rule[0], kind: rule[1], episode, ...codes, ...numbers };
    return namedAlert(alert, symbol, (ms) => ms);
  };
}
