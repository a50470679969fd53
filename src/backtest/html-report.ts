import type { BacktestResult, RuleFileRun } from './backtest-result.ts';
import type { Comparison } from './comparison.ts';
import type { Episode } from './episode-book.ts';
import type { CurvePoint } from './price-curves.ts';
import {
  count,
  formatEpisode,
  formatScore,
  formatTime,
  percent,
  ruleHeads,
  ruleRow,
} from './text-report.ts';

/** Symbols with a chart: those with most episodes. */
const CHARTS_MAX = 16;
const EPISODES_MAX = 500;
const WIDTH = 960;
const HEIGHT = 200;
/** The narrowest span of an episode that can be seen. */
const SPAN_MIN = 2;

const STYLE = `
:root { color-scheme: light dark; --line: #2563eb; --warning: #d97706; --critical: #dc2626; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; }
table { border-collapse: collapse; margin: 0 0 1rem; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; }
td { font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 1px solid; font-weight: 600; }
svg { display: block; width: 100%; height: auto; border: 1px solid #8884; }
svg path { fill: none; stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.warning { fill: var(--warning); } .critical { fill: var(--critical); } rect { opacity: .35; }
figure { margin: 0 0 1.5rem; } figcaption { font-weight: 600; }
ul { padding-left: 1.2rem; }`;

/** The result as one page of HTML that loads nothing. */
export function formatHtml(result: BacktestResult): string {
  const { source, figures, run, against, comparison } = result;
  const { ticks, symbols, late, from, to } = figures;
  const span = ticks === 0 ? '' : `, ${formatTime(from)} to ${formatTime(to)}`;
  const sections = [
    `<h1>Backtest of ${escapeHtml(run.file)}</h1>`,
    `<p>${escapeHtml(source)}: ${count(ticks)} ticks of ${count(symbols)} symbols ` +
      `(${count(late)} late)${span}</p>`,
    runSection(run),
    against === undefined ? '' : runSection(against),
    comparison === undefined || against === undefined ? '' : differences(run, against, comparison),
    chartSection(result),
    episodeList('Episodes', run.episodes),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Backtest of ${escapeHtml(run.file)}</title>
<style>${STYLE}</style></head>
<body>${sections.join('\n')}</body></html>
`;
}

function differences(a: RuleFileRun, b: RuleFileRun, { both, onlyA, onlyB }: Comparison): string {
  const shared = `${count(both)} episodes of ${a.file} are in ${b.file} too.`;
  return (
    `<h2>Differences</h2><p>${escapeHtml(shared)}</p>` +
    episodeList(`Only of ${a.file}`, onlyA) +
    episodeList(`Only of ${b.file}`, onlyB)
  );
}

function runSection({ file, rules, score }: RuleFileRun): string {
  const heads = ruleHeads.map((head) => `<th>${escapeHtml(head)}</th>`).join('');
  const rows = rules.map((rule) => {
    const cells = ruleRow(rule).map((cell) => `<td>${escapeHtml(cell)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  const scored = score === undefined ? '' : `<p>${escapeHtml(formatScore(score))}</p>`;
  return (
    `<h2>${escapeHtml(file)}</h2><table><thead><tr>${heads}</tr></thead>` +
    `<tbody>${rows.join('')}</tbody></table>${scored}${reasons({ rules })}`
  );
}

function reasons({ rules }: Pick<RuleFileRun, 'rules'>): string {
  const items = rules.map(({ rule, ended, episodes, open }) => {
    const shares = Object.entries(ended)
      .filter(([, own]) => own > 0)
      .map(([reason, own]) => `${reason} ${percent(own / episodes)}`);
    if (open > 0) shares.push(`open ${percent(open / episodes)}`);
    return shares.length === 0 ? '' : `<li>${escapeHtml(rule)}: ${shares.join(', ')}</li>`;
  });
  return `<ul>${items.join('')}</ul>`;
}

function episodeList(title: string, episodes: readonly Episode[]): string {
  const items = episodes
    .slice(0, EPISODES_MAX)
    .map((episode) => `<li>${escapeHtml(formatEpisode(episode))}</li>`);
  const more = episodes.length - EPISODES_MAX;
  return (
    `<h2>${escapeHtml(title)}</h2><p>${count(episodes.length)} episodes</p>` +
    `<ul>${items.join('')}</ul>${more > 0 ? `<p>and ${count(more)} more</p>` : ''}`
  );
}

function chartSection({ run, curves }: BacktestResult): string {
  const bySymbol = new Map<string, Episode[]>();
  for (const episode of run.episodes) {
    const own = bySymbol.get(episode.symbol);
    if (own === undefined) bySymbol.set(episode.symbol, [episode]);
    else own.push(episode);
  }
  const charts = [...bySymbol]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, CHARTS_MAX)
    .map(([symbol, episodes]) => chart(symbol, curves.get(symbol) ?? [], episodes));
  return charts.length === 0 ? '' : `<h2>Prices and episodes</h2>${charts.join('\n')}`;
}

function chart(
  symbol: string,
  points: readonly CurvePoint[],
  episodes: readonly Episode[],
): string {
  const from = points[0]?.time ?? 0;
  const to = Math.max(points.at(-1)?.time ?? 0, from + 1);
  const low = points.reduce((least, point) => Math.min(least, point.low), Number.POSITIVE_INFINITY);
  const high = points.reduce((most, point) => Math.max(most, point.high), 0);
  const x = (time: number) =>
    (Math.min(Math.max((time - from) / (to - from), 0), 1) * WIDTH).toFixed(1);
  const range = high - low || 1;
  const y = (price: number) => (HEIGHT - ((price - low) / range) * HEIGHT).toFixed(1);
  const line = points
    .map(({ time, low: least, high: most }, i) => {
      return `${i === 0 ? 'M' : 'L'}${x(time)} ${y(least)}L${x(time)} ${y(most)}`;
    })
    .join('');
  const spans = episodes.map((episode) => {
    const left = x(episode.startTime);
    const width = Math.max(SPAN_MIN, Number(x(episode.endTime ?? to)) - Number(left));
    return (
      `<rect class="${episode.level}" x="${left}" y="0" width="${width.toFixed(1)}" ` +
      `height="${HEIGHT}"><title>${escapeHtml(formatEpisode(episode))}</title></rect>`
    );
  });
  return (
    `<figure><figcaption>${escapeHtml(symbol)}: ${low} to ${high}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" ` +
    `aria-label="${escapeHtml(symbol)}">${spans.join('')}<path d="${line}"/></svg></figure>`
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] as string);
}
