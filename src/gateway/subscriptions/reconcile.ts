import type { SessionSender } from '../fanout/session-sender.ts';
import { NOT_HELD } from './interest.ts';
import type { PatternSubscriptions } from './pattern-subscriptions.ts';
import { NONE, type RecordsSince } from './subscription-columns.ts';

/** The parts of a session that subscribing uses. */
export interface SubscribedSession {
  readonly patterns: PatternSubscriptions;
  readonly sender: SessionSender;
}

/**
 * Brings a session's subscription to a symbol in line with the interest of its patterns: begins it,
 * changes it, or ends it.
 *
 * @param subscription the session's to the symbol, or NONE
 * @param isFresh whether the session just asked for it: a full entry is then due in any case
 * @param since sequences after which it asked for anomalies and alerts
 */
export function reconcile(
  { patterns, sender }: SubscribedSession,
  symbolId: number,
  subscription = sender.subscriptions.find(symbolId),
  isFresh = false,
  since?: RecordsSince,
): void {
  const { subscriptions } = sender;
  const interest = patterns.interestIn(symbolId, subscription);
  if (interest === NOT_HELD) {
    if (subscription !== NONE) sender.endSubscription(subscription);
  } else if (symbolId >= 0) {
    const joined = subscription === NONE ? subscriptions.add(symbolId) : subscription;
    sender.setInterest(joined, interest, isFresh, since);
  }
}
