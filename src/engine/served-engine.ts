import type { Engine } from './engine.ts';

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
  | 'rules'
  | 'statistics'
  | 'status'
  | 'stop'
  | 'symbols'
  | 'tryOffer'
>;
