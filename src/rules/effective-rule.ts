import type { RuleKind } from '../protocol/index.ts';
import { HoursClock } from './hours-clock.ts';
import { type QuietZone, quietZone } from './quiet-zone.ts';
import { defaultEpisode, defaultSigma } from './rule-settings.ts';
import type { EpisodeSettings, Rule, RuleSettings, SigmaSettings } from './rule-types.ts';

/** Buckets that a drift looks back. */
export const DRIFT_BUCKETS = 16;

/** A threshold, ready to be computed with. */
export interface Level {
  /** Percent (plain for a module), or multiples of sigma. */
  readonly value: number;
  readonly isSigma: boolean;
}

/** A rule as it applies to a symbol, its overrides merged. */
export interface EffectiveRule {
  /** In records. */
  readonly id: number;
  readonly name: string;
  readonly kind: RuleKind;
  /** `windowMs` of a spike, `overMs` of a drift, `afterMs` of a stale; else 0. */
  readonly windowMs: number;
  /** Length of a bucket of a drift, ms. */
  readonly bucketMs: number;
  /** Of a band; 0: the moving average. */
  readonly around: number;
  readonly warning: Level;
  /** Undefined: there is none. */
  readonly critical: Level | undefined;
  readonly minMove: number;
  /** Percent. */
  readonly floor: number;
  /** Undefined: no threshold is in sigma. */
  readonly sigma: SigmaSettings | undefined;
  /** The least weight of a sample. */
  readonly sampleWeight: number;
  /** Null: every qualifying tick is an alert. */
  readonly episode: EpisodeSettings | null;
  readonly hours: HoursClock | undefined;
  readonly quiet: QuietZone;
  /** Path of its module; empty: none. */
  readonly module: string;
  readonly options: unknown;
  /** Its state stays valid as long as this does not change. */
  readonly fingerprint: string;
  /** As merged. */
  readonly settings: RuleSettings;
}

const NEVER: Level = { value: Number.POSITIVE_INFINITY, isSigma: false };

/** The rule of a symbol; or why there is none, as text. */
export function effectiveRule(
  id: number,
  { name, kind }: Rule,
  settings: RuleSettings,
): EffectiveRule | string {
  const windowMs = settings.windowMs ?? settings.overMs ?? settings.afterMs ?? 0;
  const { around, critical, floor, minMove = 0, module = '', warning } = settings;
  const needsWindow = kind === 'spike' || kind === 'drift' || kind === 'stale';
  if (needsWindow && windowMs === 0) return 'its length of time is not given';
  if (kind !== 'stale' && warning === undefined) return '"warning" is not given';
  if (kind === 'band' && around === undefined) return '"around" is not given';
  if (kind === 'module' && module === '') return '"module" is not given';
  const isSampled = warning?.unit === 'sigma' || critical?.unit === 'sigma';
  if (isSampled && floor === undefined) return '"floor" is not given';
  const sigma = isSampled ? (settings.sigma ?? defaultSigma()) : undefined;
  const levelOf = (threshold: typeof warning): Level | undefined =>
    threshold && { value: threshold.value, isSigma: threshold.unit === 'sigma' };
  const aroundPrice = typeof around === 'number' ? around : 0;
  // A threshold in sigma has its floor.
  const leastPercent = (warning?.unit === 'sigma' ? floor : warning?.value) ?? 0;
  return {
    id,
    name,
    kind,
    windowMs,
    bucketMs: windowMs / DRIFT_BUCKETS,
    around: aroundPrice,
    warning: levelOf(warning) ?? NEVER,
    critical: levelOf(critical),
    minMove,
    floor: floor ?? 0,
    sigma,
    sampleWeight: sigma === undefined ? 0 : 1 - 2 ** (-sigma.sampleMs / sigma.halfLifeMs),
    episode: settings.episode === undefined ? defaultEpisode() : settings.episode,
    hours: settings.hours && new HoursClock(settings.hours),
    quiet: quietZone(kind, leastPercent, aroundPrice, settings.hours),
    module,
    options: settings.options,
    fingerprint: fingerprintOf(name, kind, settings, windowMs, sigma),
    settings,
  };
}

/** A module's state belongs to its path and its options. */
function fingerprintOf(
  name: string,
  kind: RuleKind,
  { module, options }: RuleSettings,
  windowMs: number,
  sigma: SigmaSettings | undefined,
): string {
  const sampling = sigma && [sigma.sampleMs, sigma.halfLifeMs, sigma.warmup, sigma.scale];
  const parts = [name, kind, windowMs, sampling ?? null];
  return JSON.stringify(kind === 'module' ? [...parts, module, options ?? null] : parts);
}
