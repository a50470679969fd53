import type { Engine } from './engine.ts';
import type { RulesInForce } from './rules-in-force.ts';

/** The rules in force and what they have done, to be shown. */
export type ShownRules = Pick<RulesInForce, 'file' | 'ids' | 'since' | 'text' | 'totals'>;

/**
 * The engine as the gateway uses it: an {@link Engine} in this process, or the mirror of engines in
 * others.
 */
export type ServedEngine = Pick<
  Engine,
  | 'advanceClock'
  | 'applied'
  | 'applyTicks'
  | 'armDoorbell'
  | 'canAdvanceClock'
  | 'canChangeRules'
  | 'changeRules'
  | 'channelCapacity'
  | 'continueAlerts'
  | 'continueAnomalies'
  | 'dirty'
  | 'drainAlerts'
  | 'drainAnomalies'
  | 'forget'
  | 'freeSlots'
  | 'hasAlerts'
  | 'hasAnomalies'
  | 'hasDrained'
  | 'hasNews'
  | 'isBusy'
  | 'isClockWanted'
  | 'isUnmarked'
  | 'lastAlert'
  | 'mark'
  | 'offered'
  | 'partitions'
  | 'publishMarked'
  | 'publishTicks'
  | 'raisedEnds'
  | 'retire'
  | 'ruleTable'
  | 'statistics'
  | 'status'
  | 'stop'
  | 'symbols'
  | 'tryOffer'
> & { readonly rules: ShownRules | undefined };
