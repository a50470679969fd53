import type { RuleKind } from '../protocol/index.ts';

/** Rules of a file, and rules that apply to one symbol, at most. */
export const RULES_MAX = 64;
export const RULES_PER_SYMBOL_MAX = 8;

/** A threshold as written: percent, multiples of sigma, or (modules) a plain number. */
export interface Threshold {
  readonly unit: 'percent' | 'sigma' | 'plain';
  /** Above 0. */
  readonly value: number;
}

export interface EpisodeSettings {
  /** Part of the warning threshold that a move has to come back to, 0 to 1. */
  readonly clear: number;
  readonly holdMs: number;
  readonly cooldownMs: number;
  /** Whether a move that goes on by another threshold is an `extend`. */
  readonly step: boolean;
}

/** How volatility is sampled. */
export interface SigmaSettings {
  readonly sampleMs: number;
  readonly halfLifeMs: number;
  /** Samples before the rule speaks. */
  readonly warmup: number;
  readonly scale: 'ewma' | 'mad';
}

/** A part of the day, in minutes of the local clock; `to` is exclusive. */
export interface DaySpan {
  readonly from: number;
  readonly to: number;
}

export interface HoursSettings extends DaySpan {
  /** An IANA name. */
  readonly tz: string;
  /** By day of the week, Sunday first. */
  readonly days: readonly boolean[];
  /** Spans, none overlapping, in which thresholds are multiplied. */
  readonly scale: readonly (DaySpan & { readonly by: number })[];
}

/** What a rule says and an override may say otherwise. */
export interface RuleSettings {
  readonly windowMs?: number;
  readonly overMs?: number;
  readonly afterMs?: number;
  readonly around?: number | 'average';
  readonly module?: string;
  readonly options?: unknown;
  readonly warning?: Threshold;
  readonly critical?: Threshold;
  /** In price. */
  readonly minMove?: number;
  /** Percent. */
  readonly floor?: number;
  /** Null: every qualifying tick is an alert. */
  readonly episode?: EpisodeSettings | null;
  readonly sigma?: SigmaSettings;
  readonly hours?: HoursSettings;
}

/** Settings of some of a rule's symbols. */
export interface RuleOverride {
  readonly symbols: readonly string[];
  readonly off: boolean | undefined;
  readonly settings: RuleSettings;
}

/** A rule as the file has it. */
export interface Rule {
  readonly name: string;
  readonly kind: RuleKind;
  /** Empty: the default tenant. */
  readonly tenant: string;
  /** Patterns, as of SUBSCRIBE. */
  readonly symbols: readonly string[];
  readonly settings: RuleSettings;
  readonly overrides: readonly RuleOverride[];
}

/** A valid rule file. */
export interface RuleFile {
  readonly rules: readonly Rule[];
  /** As written: whoever delivers alerts checks them. */
  readonly sinks: readonly unknown[];
}

/** One fault of a file. */
export interface RuleFault {
  /** Such as `rules[2] "flash".windowMs`. */
  readonly where: string;
  readonly expected: string;
  readonly got: string;
}

export function formatFault({ where, expected, got }: RuleFault): string {
  return `${where}: expected ${expected}, got ${got}`;
}
