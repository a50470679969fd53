import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { BacktestError } from './backtest-error.ts';
import { type Episode, overlaps } from './episode-book.ts';

/** A move that somebody says was one: alerts should have found it. Times in ms since the epoch. */
export interface Label {
  readonly symbol: string;
  readonly from: number;
  readonly to: number;
}

/** How episodes agree with labels. */
export interface Score {
  readonly labels: number;
  /** Labels that an episode meets. */
  readonly found: number;
  /** Episodes that meet a label, of all. */
  readonly right: number;
  readonly episodes: number;
  /** right / episodes, found / labels; undefined: there are none. */
  readonly precision: number | undefined;
  readonly recall: number | undefined;
  /** From a label's begin to the start of its first episode, ms; 0 if that is earlier. */
  readonly detectionMs: { readonly median: number; readonly worst: number } | undefined;
}

/**
 * Reads a CSV file with the columns symbol, from and to.
 *
 * @throws BacktestError naming file and line
 */
export function readLabels(file: string): Label[] {
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(file, 'utf8'), { bom: true, columns: true, trim: true });
  } catch (error) {
    throw new BacktestError(`${file}: ${(error as Error).message}`);
  }
  return rows.map((row, index) => {
    const at = `${file}, row ${index + 1}`;
    const { symbol = '' } = row;
    if (symbol === '') throw new BacktestError(`${at}: expected a symbol, got nothing`);
    const from = timeIn(row, 'from', at);
    const to = timeIn(row, 'to', at);
    if (to < from) throw new BacktestError(`${at}: "to" is before "from"`);
    return { symbol, from, to };
  });
}

function timeIn(row: Record<string, string>, column: string, at: string): number {
  const text = row[column] ?? '';
  const number = Number(text || Number.NaN);
  const time = Number.isNaN(number) ? Date.parse(text) : number;
  if (Number.isNaN(time)) {
    throw new BacktestError(`${at}: expected "${column}" in ms or RFC 3339, got "${text}"`);
  }
  return time;
}

export function scoreEpisodes(episodes: readonly Episode[], labels: readonly Label[]): Score {
  const delays: number[] = [];
  const met = new Set<Episode>();
  for (const { symbol, from, to } of labels) {
    const hits = episodes.filter((one) => one.symbol === symbol && overlaps(one, from, to));
    for (const hit of hits) met.add(hit);
    const [first] = hits;
    if (first !== undefined) delays.push(Math.max(0, first.startTime - from));
  }
  delays.sort((a, b) => a - b);
  return {
    labels: labels.length,
    found: delays.length,
    right: met.size,
    episodes: episodes.length,
    precision: shareOf(met.size, episodes.length),
    recall: shareOf(delays.length, labels.length),
    detectionMs:
      delays.length === 0
        ? undefined
        : { median: delays[delays.length >> 1] as number, worst: delays.at(-1) as number },
  };
}

export function shareOf(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
