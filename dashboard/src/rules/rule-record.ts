/** What the page uses of the settings of a rule. */
interface RuleSettings {
  readonly warning?: RuleThreshold;
  readonly critical?: RuleThreshold;
  /** Null: every qualifying tick is an alert. */
  readonly episode?: object | null;
}

export interface RuleThreshold {
  readonly unit: 'percent' | 'sigma' | 'plain';
  readonly value: number;
}

/** A rule in force, and what it has done since the start of the server. */
export interface RuleRecord {
  readonly name: string;
  readonly kind: string;
  /** Patterns. */
  readonly symbols: readonly string[];
  readonly settings: RuleSettings;
  readonly overrides: readonly {
    readonly symbols: readonly string[];
    readonly settings: RuleSettings;
  }[];
  /** In words. */
  readonly meaning: readonly string[];
  /** Episodes. */
  readonly started: number;
  readonly open: number;
  readonly suppressed: number;
  /** Symbols that its module threw for. */
  readonly failed: number;
}

/** The rules in force. */
export interface RulesInForce {
  /** Null without rules. */
  readonly since: string | null;
  readonly version: string | null;
  /** Why the file, as it is now, is not in force. */
  readonly refused: string | null;
  readonly items: readonly RuleRecord[];
}
