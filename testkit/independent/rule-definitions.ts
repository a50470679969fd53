/** What the second implementation of rules is about: rule files, ticks, alerts. */

interface OracleHours {
  readonly tz?: string;
  readonly days?: string;
  readonly from?: string;
  readonly to?: string;
  readonly scale?: readonly { readonly from: string; readonly to: string; readonly by: number }[];
}

export type { OracleHours };

export interface OracleEpisodeSettings {
  readonly clear: number;
  readonly holdMs: number;
  readonly cooldownMs: number;
  readonly step: boolean;
}

export interface OracleSigmaSettings {
  readonly sampleMs: number;
  readonly halfLifeMs: number;
  readonly warmup: number;
  readonly scale: string;
}

/** What a rule says and an override may say otherwise. */
export interface OracleSettings {
  readonly windowMs?: number;
  readonly overMs?: number;
  readonly afterMs?: number;
  readonly around?: number | string;
  readonly module?: string;
  readonly options?: unknown;
  readonly warning?: string;
  readonly critical?: string;
  readonly minMove?: number;
  readonly floor?: string;
  readonly sigma?: Partial<OracleSigmaSettings>;
  readonly episode?: Partial<OracleEpisodeSettings> | null;
  readonly hours?: OracleHours;
  readonly off?: boolean;
}

export interface OracleRule extends OracleSettings {
  readonly name: string;
  readonly kind: string;
  readonly symbols: readonly string[];
  readonly overrides?: readonly (OracleSettings & { readonly symbols: readonly string[] })[];
}

/** A rule file, valid and unchecked. */
export interface OracleFile {
  readonly rules: readonly OracleRule[];
}

/** A detector of a symbol's: what it says of a tick; undefined: nothing. It may throw. */
export type OracleDetector = (
  price: number,
  time: number,
) => { readonly reference: number; readonly change: number } | undefined;

/** Makes the detector of a symbol, with the options of the rule. */
export type OracleModule = (options: unknown) => OracleDetector;

export interface ExpectedAlert {
  readonly sequence: number;
  readonly rule: string;
  readonly episode: number;
  readonly phase: 'start' | 'escalate' | 'extend' | 'end';
  readonly level: 'warning' | 'critical';
  readonly direction: 'Up' | 'Down' | 'None';
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
  readonly startTime: number;
  readonly peak: number;
  readonly count: number;
  readonly reason: 'reverted' | 'reversed' | 'settled' | 'closed' | undefined;
}

/** A tick that took part, or may. */
export interface PastTick {
  readonly price: number;
  readonly time: number;
}

export interface OracleTick extends PastTick {
  /** The server's clock at its receipt. */
  readonly receivedAt: number;
  /** The moving average before it; undefined: there is none. */
  readonly average: number | undefined;
}

/** What the rules of a symbol know of it. */
export interface KnownSymbol {
  /** Ticks that took part, in order. */
  readonly past: readonly PastTick[];
  /** Late ticks, for the windows of spikes alone. */
  readonly folded: readonly PastTick[];
  /** The last of `past`. */
  readonly newest: PastTick | undefined;
  /** The price of the newest tick, whether it has taken part or waits. */
  readonly currentPrice: number | undefined;
  /** When the last tick was received. */
  readonly arrival: number | undefined;
  /** Alerts that a cool-down swallowed, by rule. */
  readonly suppressed: Map<string, number>;
  raise(alert: Omit<ExpectedAlert, 'sequence'>): void;
}
