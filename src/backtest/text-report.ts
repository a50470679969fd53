import type { BacktestResult, RuleFileRun } from './backtest-result.ts';
import { type Episode, peakPercent } from './episode-book.ts';
import type { Score } from './labels.ts';
import type { RuleSummary, SymbolDay } from './summary.ts';

/** Rows of lists that may be long. */
const ROWS_MAX = 20;
const MS_PER_SECOND = 1000;

const RULE_HEADS = [
  'rule',
  'kind',
  'alerts',
  'episodes',
  'critical',
  'a symbol and day',
  'reverted',
  'median length',
  'suppressed',
  'open',
];

/** The result as text for a terminal. */
export function formatText({ source, figures, run, against, comparison }: BacktestResult): string {
  const { ticks, late, symbols } = figures;
  const span = ticks === 0 ? '' : `, ${formatTime(figures.from)} to ${formatTime(figures.to)}`;
  const lines = [
    `${source}: ${count(ticks)} ticks of ${count(symbols)} symbols (${count(late)} late)${span}`,
    ...runLines(run),
  ];
  if (against !== undefined && comparison !== undefined) {
    const { both, onlyA, onlyB } = comparison;
    lines.push(
      ...runLines(against),
      '',
      `episodes of ${run.file} that ${against.file} has too: ${count(both)}`,
      ...onlyLines(run.file, onlyA),
      ...onlyLines(against.file, onlyB),
    );
  }
  return lines.join('\n');
}

function runLines({ file, rules, days, score }: RuleFileRun): string[] {
  const busy = days
    .map((day) => ({ day, episodes: sumOf(day) }))
    .filter(({ episodes }) => episodes > 0)
    .sort((a, b) => b.episodes - a.episodes);
  const shown = busy.slice(0, ROWS_MAX).map(({ day, episodes }) => [
    day.symbol,
    day.day,
    count(day.ticks),
    count(episodes),
    Object.entries(day.episodes)
      .map(([rule, own]) => `${rule} ${own}`)
      .join(', '),
  ]);
  return [
    '',
    file,
    ...formatTable(RULE_HEADS, rules.map(ruleRow)),
    ...(score === undefined ? [] : ['', formatScore(score)]),
    '',
    ...formatTable(['symbol', 'day', 'ticks', 'episodes', ''], shown),
    ...(busy.length > ROWS_MAX ? [`and ${count(busy.length - ROWS_MAX)} more`] : []),
  ];
}

export function ruleRow(rule: RuleSummary): string[] {
  return [
    rule.rule,
    rule.kind,
    count(rule.alerts),
    count(rule.episodes),
    count(rule.critical),
    rule.perSymbolDay.toPrecision(3),
    rule.shareReverted === undefined ? '–' : percent(rule.shareReverted),
    rule.medianMs === undefined ? '–' : formatDuration(rule.medianMs),
    count(rule.suppressed),
    count(rule.open),
  ];
}

export const ruleHeads: readonly string[] = RULE_HEADS;

export function formatScore(score: Score): string {
  const { found, labels, right, episodes, precision, recall, detectionMs } = score;
  const shown = (share: number | undefined) => (share === undefined ? '–' : percent(share));
  const detection =
    detectionMs === undefined
      ? ''
      : `; detected after ${formatDuration(detectionMs.median)} (median), ` +
        `${formatDuration(detectionMs.worst)} (worst)`;
  return (
    `labels: precision ${shown(precision)} (${right} of ${episodes} episodes), ` +
    `recall ${shown(recall)} (${found} of ${labels} labels)${detection}`
  );
}

function onlyLines(file: string, episodes: readonly Episode[]): string[] {
  const more = episodes.length - ROWS_MAX;
  return [
    `only of ${file}: ${count(episodes.length)}`,
    ...episodes.slice(0, ROWS_MAX).map((episode) => `  ${formatEpisode(episode)}`),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
  ];
}

export function formatEpisode(episode: Episode): string {
  const { rule, symbol, direction, level, startTime, endTime, reason } = episode;
  const end = endTime === undefined ? 'open' : (reason ?? 'alone');
  const lasted = endTime === undefined ? '' : ` after ${formatDuration(endTime - startTime)}`;
  const peak = direction === 'None' ? '' : ` ${peakPercent(episode).toFixed(2)} %`;
  return `${formatTime(startTime)} ${symbol} ${rule} ${level} ${direction}${peak}, ${end}${lasted}`;
}

function sumOf({ episodes }: SymbolDay): number {
  return Object.values(episodes).reduce((sum, own) => sum + own, 0);
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function formatDuration(ms: number): string {
  if (ms < MS_PER_SECOND) return `${Number(ms.toFixed(1))} ms`;
  return `${(ms / MS_PER_SECOND).toFixed(1)} s`;
}

export function formatTime(time: number): string {
  return new Date(time).toISOString();
}

/** Numbers to the right, the first column to the left. */
function formatTable(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  return [heads, ...rows].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
