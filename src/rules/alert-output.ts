import type { AlertDirection, AlertLevel, AlertPhase, AlertReason } from '../protocol/index.ts';

/** Takes alerts as numbers, so that the worker makes no object. */
export interface AlertOutput {
  /**
   * @param sequence of the symbol's alerts: 1, 2, 3 …
   * @param episode of the symbol and rule: 1, 2, 3 …
   * @param direction 1 up, -1 down, 0 none
   * @param reference that `changePercent` leads from, to `price`
   * @param time ms since the epoch, as is `startTime`
   */
  append(
    symbolId: number,
    sequence: number,
    ruleId: number,
    episode: number,
    phase: AlertPhase,
    level: AlertLevel,
    direction: AlertDirection,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
    startTime: number,
    peak: number,
    count: number,
    reason: AlertReason,
  ): void;
}

/** What rules count, by rule. */
export interface RuleCounts {
  started(ruleId: number): void;
  ended(ruleId: number): void;
  suppressed(ruleId: number): void;
  /** A module threw, and is off for the symbol. */
  failed(ruleId: number): void;
}
