import { defaultEpisode, defaultSigma } from './rule-settings.ts';
import type { HoursSettings, Rule, RuleSettings, Threshold } from './rule-types.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MINUTE_MS = 60_000;

/** What a rule with these settings means: sentences, one a line. */
export function ruleWords(kind: Rule['kind'], settings: RuleSettings): string[] {
  const { episode = defaultEpisode(), hours } = settings;
  const lines = [conditionWords(kind, settings), ...sigmaWords(settings)];
  if (kind !== 'stale') lines.push(episodeWords(episode));
  if (hours !== undefined) lines.push(hoursWords(hours));
  return lines;
}

/** What an override replaces, by key; or that it leaves symbols out. */
export function overrideWords({ symbols, off, settings }: Rule['overrides'][number]): string {
  const changes = Object.entries(settings).map(([key, value]) => {
    if (key === 'warning' || key === 'critical') return `${key} ${amount(value as Threshold)}`;
    if (key === 'floor') return `floor ${value} %`;
    if (key === 'hours') return hoursWords(value as HoursSettings);
    return `${key} ${JSON.stringify(value)}`;
  });
  if (off !== undefined) changes.push(off ? 'off' : 'on');
  return `for ${symbols.join(', ')}: ${changes.join(', ') || 'as for the others'}`;
}

function conditionWords(kind: Rule['kind'], settings: RuleSettings): string {
  const { windowMs, overMs, afterMs, around, module, warning, critical, floor, minMove } = settings;
  if (kind === 'stale') return `when no tick arrives for more than ${duration(afterMs)}`;
  const least =
    warning?.unit === 'sigma' || critical?.unit === 'sigma' ? `, at least ${floor ?? '?'} %` : '';
  const worse = critical === undefined ? '' : ` (critical: ${amount(critical)})`;
  const beyond = `more than ${amount(warning)}${worse}${least}`;
  const move = minMove === undefined ? '' : `, and by more than ${minMove} in price`;
  switch (kind) {
    case 'spike':
      return `when a price is ${beyond} from the lowest or highest of ${duration(windowMs)}${move}`;
    case 'gap':
      return `when a price is ${beyond} from the tick before${move}`;
    case 'drift':
      return `when a price is ${beyond} from the price ${duration(overMs)} before${move}`;
    case 'band': {
      const middle = around === 'average' ? 'the moving average' : (around ?? '?');
      return `when a price, once inside, is ${beyond} from ${middle}${move}`;
    }
    case 'module':
      return `when ${module ?? 'its module'} returns ${beyond}${move}`;
  }
}

function sigmaWords({ warning, critical, sigma = defaultSigma() }: RuleSettings): string[] {
  if (warning?.unit !== 'sigma' && critical?.unit !== 'sigma') return [];
  const { sampleMs, halfLifeMs, warmup, scale } = sigma;
  const memory =
    scale === 'mad' ? 'the median of the last 31' : `a half-life of ${duration(halfLifeMs)}`;
  const samples = `a sample every ${duration(sampleMs)}, ${memory}`;
  return [`sigma: ${samples}; silent for the first ${warmup} samples`];
}

function episodeWords(episode: Exclude<RuleSettings['episode'], undefined>): string {
  if (episode === null) return 'no episodes: every such tick is an alert';
  const { clear, holdMs, cooldownMs, step } = episode;
  const quiet = duration(holdMs);
  const end = `ends within ${clear} × the threshold of where it began, or ${quiet} after`;
  const parts = [`an episode ${end} the last tick beyond`];
  if (step) parts.push('a move that goes on by the threshold again is announced');
  if (cooldownMs > 0) {
    parts.push(`for ${duration(cooldownMs)} after it only a higher level starts another`);
  }
  return parts.join('; ');
}

function hoursWords({ tz, days, from, to, scale }: HoursSettings): string {
  const named = DAYS.filter((_day, index) => days[index]);
  const when = named.length === DAYS.length ? 'every day' : named.join(', ');
  const scales = scale.map((span) => `; thresholds × ${span.by} from ${spanWords(span)}`);
  return `hours: ${when}, ${spanWords({ from, to })} (${tz})${scales.join('')}`;
}

function spanWords({ from, to }: { readonly from: number; readonly to: number }): string {
  return `${timeOfDay(from)} to ${timeOfDay(to)}`;
}

function timeOfDay(minute: number): string {
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`;
}

/** A threshold that only overrides give is "?". */
function amount(threshold: Threshold | undefined): string {
  if (threshold === undefined) return '?';
  const { unit, value } = threshold;
  if (unit === 'plain') return `${value}`;
  return unit === 'percent' ? `${value} %` : `${value} sigma`;
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return '?';
  if (ms >= MINUTE_MS && ms % MINUTE_MS === 0) return `${ms / MINUTE_MS} min`;
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}
