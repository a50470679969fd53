import type { AnomalyGap } from './anomaly.ts';

/** A step of an episode: of one move of a symbol, as a rule of the server sees it. */
export interface Alert {
  /** The symbol that moved, or fell silent. */
  readonly symbol: string;
  /** Number among the symbol's alerts of all rules, from 1. */
  readonly sequence: number;
  /** Name of the rule. */
  readonly rule: string;
  /** Number among the episodes of symbol and rule, from 1. */
  readonly episode: number;
  /** What the episode does. */
  readonly phase: 'start' | 'escalate' | 'extend' | 'end';
  /** The highest threshold that it has reached. */
  readonly level: 'warning' | 'critical';
  /** Which way the price moved; `None` for silence. */
  readonly direction: 'Up' | 'Down' | 'None';
  /** The price that the rule compared with. */
  readonly reference: number;
  /** The price that raised the alert. */
  readonly price: number;
  /** Change from the reference to the price, percent; negative when down. */
  readonly changePercent: number;
  /** Of the tick, or of the episode's end, ms since the Unix epoch. */
  readonly time: number;
  /** Of the episode's start, ms since the Unix epoch. */
  readonly startTime: number;
  /** The price of the episode furthest from where it began. */
  readonly peak: number;
  /** Ticks of the episode beyond the threshold. */
  readonly count: number;
  /** Why the episode ended; only at ends. */
  readonly reason?: 'reverted' | 'reversed' | 'settled' | 'closed';
}

/** Alerts of a symbol that were missed and that the server no longer has. */
export type AlertGap = AnomalyGap;
