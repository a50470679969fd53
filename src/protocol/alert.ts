/** What a rule compares. */
export const RULE_KINDS = ['spike', 'gap', 'drift', 'band', 'stale', 'module'] as const;
export type RuleKind = (typeof RULE_KINDS)[number];

/** Why an alert was raised: a step in the course of an episode. */
export const AlertPhase = { START: 1, ESCALATE: 2, EXTEND: 3, END: 4 } as const;
export type AlertPhase = (typeof AlertPhase)[keyof typeof AlertPhase];

export const AlertLevel = { WARNING: 1, CRITICAL: 2 } as const;
export type AlertLevel = (typeof AlertLevel)[keyof typeof AlertLevel];

/** Which way a price moved: 1 up, -1 down, 0 neither. */
export type AlertDirection = 1 | -1 | 0;

/** Why an episode ended. */
export const AlertReason = { NONE: 0, REVERTED: 1, REVERSED: 2, SETTLED: 3, CLOSED: 4 } as const;
export type AlertReason = (typeof AlertReason)[keyof typeof AlertReason];

/**
 * A step of an episode of a rule. The only representation of an alert inside a server: the engine
 * makes one object for each, which is passed on from there.
 */
export interface Alert {
  /** The symbol as the server knows it: a tenant's symbols carry the tenant's prefix. */
  readonly symbol: string;
  /** Number of the alert among those of its symbol, of all rules: 1, 2, 3 … */
  readonly sequence: number;
  /** Name of the rule. */
  readonly rule: string;
  readonly kind: RuleKind;
  /** Number of the episode among those of its symbol and rule: 1, 2, 3 … */
  readonly episode: number;
  readonly phase: AlertPhase;
  readonly level: AlertLevel;
  readonly direction: AlertDirection;
  /** The price that the rule compared with. */
  readonly reference: number;
  readonly price: number;
  /** From the reference to the price, percent; negative when down. */
  readonly changePercent: number;
  /** ms since the Unix epoch: of the tick, or when the episode ended without one. */
  readonly time: number;
  /** Time of the episode's start, ms since the Unix epoch. */
  readonly startTime: number;
  /** The price of the episode furthest from where it began. */
  readonly peak: number;
  /** Ticks of the episode beyond the threshold. */
  readonly count: number;
  /** `NONE` but at ends. */
  readonly reason: AlertReason;
}

/** An alert as an `ALERT_PAGE` carries it, where the page names the symbol. */
export type AlertHistoryTuple = readonly [
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
];

/** An alert as an `ALERT` frame carries it. */
export type AlertTuple = readonly [symbolId: number, ...alert: AlertHistoryTuple];

/**
 * An alert as an element of an `ALERT_PAGE`.
 *
 * @param ruleId of the rule's name and kind, as `RULES` announced it
 */
export function alertHistoryTuple(ruleId: number, alert: Alert): AlertHistoryTuple {
  return [
    alert.sequence,
    ruleId,
    alert.episode,
    alert.phase,
    alert.level,
    alert.direction,
    alert.reference,
    alert.price,
    alert.changePercent,
    alert.time,
    alert.startTime,
    alert.peak,
    alert.count,
    alert.reason,
  ];
}

/** An alert as an element of an `ALERT` frame. */
export function alertTuple(symbolId: number, ruleId: number, alert: Alert): AlertTuple {
  return [symbolId, ...alertHistoryTuple(ruleId, alert)];
}

/** The names that HTTP and SDKs use. */
export const PHASE_NAMES = { 1: 'start', 2: 'escalate', 3: 'extend', 4: 'end' } as const;
export type PhaseName = (typeof PHASE_NAMES)[AlertPhase];

export const LEVEL_NAMES = { 1: 'warning', 2: 'critical' } as const;
export type LevelName = (typeof LEVEL_NAMES)[AlertLevel];

export const DIRECTION_NAMES = { 1: 'Up', '-1': 'Down', 0: 'None' } as const;
export type DirectionName = (typeof DIRECTION_NAMES)[AlertDirection];

export const REASON_NAMES = {
  0: undefined,
  1: 'reverted',
  2: 'reversed',
  3: 'settled',
  4: 'closed',
} as const;
export type ReasonName = NonNullable<(typeof REASON_NAMES)[AlertReason]>;

/** An alert with its codes as names, as HTTP, sinks and tools write it. */
export interface NamedAlert<Time> {
  readonly symbol: string;
  readonly sequence: number;
  readonly rule: string;
  readonly episode: number;
  readonly phase: PhaseName;
  readonly level: LevelName;
  readonly direction: DirectionName;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: Time;
  readonly startTime: Time;
  readonly peak: number;
  readonly count: number;
  /** Only of ends. */
  readonly reason?: ReasonName;
}

/**
 * @param symbol as its reader knows it
 * @param time makes of ms since the Unix epoch what its reader expects
 */
export function namedAlert<Time>(
  alert: Alert,
  symbol: string,
  time: (ms: number) => Time,
): NamedAlert<Time> {
  const reason = REASON_NAMES[alert.reason];
  return {
    symbol,
    sequence: alert.sequence,
    rule: alert.rule,
    episode: alert.episode,
    phase: PHASE_NAMES[alert.phase],
    level: LEVEL_NAMES[alert.level],
    direction: DIRECTION_NAMES[alert.direction],
    reference: alert.reference,
    price: alert.price,
    changePercent: alert.changePercent,
    time: time(alert.time),
    startTime: time(alert.startTime),
    peak: alert.peak,
    count: alert.count,
    ...(reason !== undefined && { reason }),
  };
}
