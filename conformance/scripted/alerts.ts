import type { AlertHistoryTuple } from '../../src/protocol/index.ts';
import type { ClientAlert } from '../client.ts';

/** An alert in the words of `GET /api/alerts`, without its symbol; null: no reason. */
export interface ScriptedAlert extends Omit<ClientAlert, 'symbol'> {
  readonly phase: (typeof PHASES)[number];
  readonly level: (typeof LEVELS)[number];
  readonly direction: keyof typeof DIRECTIONS;
  readonly reason: (typeof REASONS)[number];
}

const PHASES = ['start', 'escalate', 'extend', 'end'] as const;
const LEVELS = ['warning', 'critical'] as const;
const DIRECTIONS = { Up: 1, Down: -1, None: 0 } as const;
const REASONS = [null, 'reverted', 'reversed', 'settled', 'closed'] as const;
/** Rules that take turns, so that two of them have episodes at the same time. */
const RULES = [
  ['flash', 'spike'],
  ['quiet', 'stale'],
] as const;

/** The alert of a sequence: those of a symbol walk through all phases, directions and reasons. */
export function scriptedAlert(sequence: number): ScriptedAlert {
  const turn = Math.floor((sequence - 1) / RULES.length);
  const step = turn % PHASES.length;
  const episode = 1 + (turn - step) / PHASES.length;
  const phase = PHASES[step] as ScriptedAlert['phase'];
  const direction = (['Up', 'Down', 'None'] as const)[episode % 3] as ScriptedAlert['direction'];
  const reference = 100 + sequence / 7;
  const price = reference * (1 + DIRECTIONS[direction] * 0.03);
  return {
    sequence,
    rule: RULES[sequence % RULES.length]?.[0] ?? '',
    episode,
    phase,
    level: phase === 'start' ? 'warning' : 'critical',
    direction,
    reference,
    price,
    changePercent: ((price - reference) / reference) * 100,
    time: timeOf(sequence),
    startTime: timeOf(sequence - step * RULES.length),
    peak: price + DIRECTIONS[direction] / 3,
    count: 1 + step,
    reason: phase === 'end' ? (REASONS[1 + (episode % 4)] ?? null) : null,
  };
}

function timeOf(sequence: number): number {
  return 1_700_000_000_000 + sequence * 1000.25;
}

/** The ids of rules on one connection; those of the next are others, as the protocol allows. */
export class RuleIds {
  readonly #rules: readonly (typeof RULES)[number][];
  readonly #named = new Set<number>();

  /** @param connection counts them */
  constructor(connection: number) {
    this.#rules = connection % 2 === 0 ? RULES : RULES.toReversed();
  }

  /** What RULES must name before these alerts, ids, names and kinds in turn; empty: nothing. */
  unnamed(alerts: readonly ScriptedAlert[]): (number | string)[] {
    const ids = new Set(alerts.map(({ rule }) => this.#idOf(rule)));
    const fresh = [...ids].filter((id) => !this.#named.has(id));
    for (const id of fresh) this.#named.add(id);
    return fresh.flatMap((id) => [id, ...(this.#rules[id] ?? [])]);
  }

  /** An alert as an element of ALERT_PAGE; in ALERT, the symbol's id comes before it. */
  tuple(alert: ScriptedAlert): AlertHistoryTuple {
    const { sequence, episode, reference, price, changePercent, time, startTime, peak } = alert;
    return [
      sequence,
      this.#idOf(alert.rule),
      episode,
      (1 + PHASES.indexOf(alert.phase)) as AlertHistoryTuple[3],
      (1 + LEVELS.indexOf(alert.level)) as AlertHistoryTuple[4],
      DIRECTIONS[alert.direction],
      reference,
      price,
      changePercent,
      time,
      startTime,
      peak,
      alert.count,
      REASONS.indexOf(alert.reason) as AlertHistoryTuple[13],
    ];
  }

  #idOf(rule: string): number {
    return this.#rules.findIndex(([name]) => name === rule);
  }
}
