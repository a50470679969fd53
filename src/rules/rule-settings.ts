import type { RuleKind } from '../protocol/index.ts';
import { parseHours } from './hours-settings.ts';
import {
  booleanOf,
  integerBetween,
  JsonFields,
  matching,
  numberAbove,
  numberBetween,
  oneOf,
} from './json-fields.ts';
import type {
  EpisodeSettings,
  RuleFault,
  RuleSettings,
  SigmaSettings,
  Threshold,
} from './rule-types.ts';

const DAY_MS = 86_400_000;
const COMMON = ['hours', 'episode'];
const COMPARED = ['warning', 'critical'];
const BY_VOLATILITY = ['floor', 'sigma'];
/** What a rule of each kind may say, beside its name and where it applies. */
const KEYS: Readonly<Record<RuleKind, readonly string[]>> = {
  spike: ['windowMs', 'minMove', ...COMPARED, ...BY_VOLATILITY, ...COMMON],
  gap: ['minMove', ...COMPARED, ...COMMON],
  drift: ['overMs', 'minMove', ...COMPARED, ...BY_VOLATILITY, ...COMMON],
  band: ['around', 'minMove', ...COMPARED, ...COMMON],
  stale: ['afterMs', ...COMMON],
  module: ['module', 'options', 'minMove', ...COMPARED, ...COMMON],
};
const EPISODE_KEYS = ['clear', 'holdMs', 'cooldownMs', 'step'];
const SIGMA_KEYS = ['sampleMs', 'halfLifeMs', 'warmup', 'scale'];
const DEFAULT_EPISODE: EpisodeSettings = { clear: 0.5, holdMs: 1000, cooldownMs: 0, step: false };
const DEFAULT_SIGMA: SigmaSettings = {
  sampleMs: 1000,
  halfLifeMs: 300_000,
  warmup: 60,
  scale: 'ewma',
};

const DURATION = `ms above 0, at most ${DAY_MS}`;
const duration = numberAbove(0, DAY_MS);

export function keysOf(kind: RuleKind): readonly string[] {
  return KEYS[kind];
}

/** Reads what a rule of the kind, or an override of it, says. Keys of other kinds stay unread. */
export function readSettings(fields: JsonFields, kind: RuleKind): RuleSettings {
  const settings: { -readonly [Key in keyof RuleSettings]: RuleSettings[Key] } = {};
  const allowed = new Set(KEYS[kind]);
  const take = <Key extends keyof RuleSettings>(
    key: Key,
    expected: string,
    parse: (value: unknown) => NonNullable<RuleSettings[Key]> | undefined,
  ) => {
    const value = allowed.has(key) ? fields.read(key, expected, parse) : undefined;
    if (value !== undefined) settings[key] = value;
  };
  take('windowMs', DURATION, duration);
  take('overMs', DURATION, duration);
  take('afterMs', DURATION, duration);
  take('around', 'a price above 0, or "average"', aroundOf);
  take('module', 'the path of a module', matching(/^.+$/));
  take('options', 'a value', (value) => value ?? undefined);
  const hasSigma = allowed.has('sigma');
  const threshold = (value: unknown) => parseThreshold(value, kind, hasSigma);
  const expected = expectedThreshold(kind, hasSigma);
  take('warning', expected, threshold);
  take('critical', expected, threshold);
  take('minMove', 'a price of at least 0', numberBetween(0));
  take('floor', 'percent such as "0.1%"', percentOf);
  readNested(fields, allowed, settings);
  return settings;
}

function readNested(
  fields: JsonFields,
  allowed: ReadonlySet<string>,
  settings: { -readonly [Key in keyof RuleSettings]: RuleSettings[Key] },
): void {
  const { faults } = fields;
  const nested = (key: string) => allowed.has(key) && fields.has(key);
  if (nested('episode')) {
    const value = fields.raw('episode');
    settings.episode = value === null ? null : parseEpisode(fields.at('episode'), value, faults);
  }
  if (nested('sigma')) {
    settings.sigma = parseSigma(fields.at('sigma'), fields.raw('sigma'), faults);
  }
  if (nested('hours')) {
    const hours = parseHours(fields.at('hours'), fields.raw('hours'), faults);
    if (hours !== undefined) settings.hours = hours;
  }
}

function aroundOf(value: unknown): number | 'average' | undefined {
  return value === 'average' ? value : numberAbove(0)(value);
}

function expectedThreshold(kind: RuleKind, hasSigma: boolean): string {
  if (kind === 'module') return 'a number above 0 as text, such as "3"';
  return hasSigma ? 'percent or sigma above 0, such as "2%" or "8s"' : 'percent such as "2%"';
}

function parseThreshold(value: unknown, kind: RuleKind, hasSigma: boolean): Threshold | undefined {
  const found = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(%|s)?$/.exec(value) : null;
  const number = Number(found?.[1]);
  if (found === null || !(number > 0 && Number.isFinite(number))) return undefined;
  const unit = found[2];
  if (kind === 'module') return unit === undefined ? { unit: 'plain', value: number } : undefined;
  if (unit === '%') return { unit: 'percent', value: number };
  return unit === 's' && hasSigma ? { unit: 'sigma', value: number } : undefined;
}

function percentOf(value: unknown): number | undefined {
  const found = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value) : null;
  return found === null ? undefined : numberBetween(0)(Number(found[1]));
}

export function defaultEpisode(): EpisodeSettings {
  return DEFAULT_EPISODE;
}

export function defaultSigma(): SigmaSettings {
  return DEFAULT_SIGMA;
}

function parseEpisode(where: string, value: unknown, faults: RuleFault[]): EpisodeSettings {
  const fields = new JsonFields(where, value, faults);
  const ms = numberBetween(0);
  const { clear, holdMs, cooldownMs, step } = DEFAULT_EPISODE;
  const episode = {
    clear: fields.read('clear', 'a number from 0 to 1', numberBetween(0, 1)) ?? clear,
    holdMs: fields.read('holdMs', 'ms of at least 0', ms) ?? holdMs,
    cooldownMs: fields.read('cooldownMs', 'ms of at least 0', ms) ?? cooldownMs,
    step: fields.read('step', 'true or false', booleanOf) ?? step,
  };
  fields.end(EPISODE_KEYS);
  return episode;
}

function parseSigma(where: string, value: unknown, faults: RuleFault[]): SigmaSettings {
  const fields = new JsonFields(where, value, faults);
  const { sampleMs, halfLifeMs, warmup, scale } = DEFAULT_SIGMA;
  const sigma = {
    sampleMs: fields.read('sampleMs', DURATION, duration) ?? sampleMs,
    halfLifeMs: fields.read('halfLifeMs', 'ms above 0', numberAbove(0)) ?? halfLifeMs,
    warmup: fields.read('warmup', 'a count, 0 to 1000000', integerBetween(0, 1e6)) ?? warmup,
    scale: fields.read('scale', '"ewma" or "mad"', oneOf(['ewma', 'mad'] as const)) ?? scale,
  };
  fields.end(SIGMA_KEYS);
  return sigma;
}
