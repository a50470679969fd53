import { readFileSync, writeFileSync } from 'node:fs';
import type { Machine } from '../../loadgen/machine.ts';
import type { CaseMaker } from './case.ts';
import type { Measurement } from './measure-case.ts';

/** Reference figures and where they come from. */
export interface Baseline {
  readonly machine: Machine;
  readonly timeMs: number;
  readonly results: readonly Measurement[];
}

/** Warn beyond this ratio, either way. */
const RATIO_MAX = 1.3;
/**
 * Allocation within so many bytes an operation counts as unchanged, and as none. A boxed number
 * takes 16; on a busy machine the compiler is late, and a short run sees some early boxing.
 */
export const BYTES_WITHIN = 2;

export interface Comparison extends Measurement {
  /** Time against the baseline's, both relative to calibration; undefined without a baseline. */
  readonly ratio: number | undefined;
  readonly baselineBytes: number | undefined;
  /** What it may take more than another case, ns; undefined: it has no budget. */
  readonly budgetNs: number | undefined;
  /** Times are noisy: only a warning. */
  readonly warning: string | undefined;
  readonly failure: string | undefined;
}

/** @throws Error when the file is missing or not JSON */
export function readBaseline(path: string): Baseline {
  return JSON.parse(readFileSync(path, 'utf8')) as Baseline;
}

export function writeBaseline(path: string, baseline: Baseline): void {
  const rounded = baseline.results.map((result) => ({
    ...result,
    medianNs: round(result.medianNs, 2),
    minNs: round(result.minNs, 2),
    calibrationNs: round(result.calibrationNs, 0),
    relative: Number(result.relative.toPrecision(4)),
    bytes: round(result.bytes, 2),
    ...(result.longestStepMs !== undefined && { longestStepMs: round(result.longestStepMs, 2) }),
  }));
  writeFileSync(path, `${JSON.stringify({ ...baseline, results: rounded }, null, 2)}\n`);
}

/**
 * Compares a measurement with the baseline and with the code's promise. Which calls the compiler
 * inlines, and so which numbers are boxed, differs between versions of Node: bytes are compared
 * with a baseline of the same one only. A promise of none holds on every version.
 *
 * @param node the version measured, as in `process.version`
 */
export function compare(
  measured: Measurement,
  { allocatesNothing, budget }: Pick<CaseMaker, 'allocatesNothing' | 'budget'>,
  baseline: Baseline | undefined,
  node: string = process.version,
): Comparison {
  const before = baseline?.results.find(({ name }) => name === measured.name);
  const ratio = before && measured.relative / before.relative;
  const isSameNode = majorOf(baseline?.machine.node) === majorOf(node);
  return {
    ...measured,
    ratio,
    baselineBytes: before?.bytes,
    budgetNs: budget?.ns,
    // One with a budget is compared with another case of the same sitting instead.
    warning: budget === undefined ? warningOf(ratio) : undefined,
    failure: failureOf(measured.bytes, allocatesNothing, isSameNode ? before?.bytes : undefined),
  };
}

function majorOf(node: string | undefined): string | undefined {
  return node?.split('.')[0];
}

function warningOf(ratio: number | undefined): string | undefined {
  if (ratio === undefined) return 'not in the baseline';
  if (ratio > RATIO_MAX) return `slower than the baseline, ${ratio.toFixed(2)} times its time`;
  if (ratio < 1 / RATIO_MAX) return `faster than the baseline, ${ratio.toFixed(2)} of its time`;
  return undefined;
}

function failureOf(
  bytes: number,
  allocatesNothing: boolean,
  baselineBytes: number | undefined,
): string | undefined {
  if (allocatesNothing && bytes > BYTES_WITHIN) {
    return `allocates ${bytes.toFixed(2)} bytes an operation, and promises none`;
  }
  if (baselineBytes !== undefined && bytes > baselineBytes + BYTES_WITHIN) {
    return `allocates ${bytes.toFixed(2)} bytes an operation, and ${baselineBytes} before`;
  }
  return undefined;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

const HEADINGS = ['', 'ns', 'min', 'bytes', 'baseline', 'ratio', ''] as const;

export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = [HEADINGS, ...comparisons.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => width(row, column))));
  return rows.map((row) => formatRow(row, widths)).join('\n');
}

function cells(comparison: Comparison): readonly string[] {
  const { name, medianNs, minNs, bytes, baselineBytes, ratio } = comparison;
  return [
    name,
    medianNs.toFixed(1),
    minNs.toFixed(1),
    bytes.toFixed(2),
    baselineBytes?.toFixed(2) ?? '-',
    ratio?.toFixed(2) ?? '-',
    remark(comparison),
  ];
}

function remark(comparison: Comparison): string {
  const { failure, longestStepMs, warning } = comparison;
  const longest = longestStepMs && `longest step ${longestStepMs.toFixed(2)} ms`;
  const verdict = failure === undefined ? warning : `FAILED: ${failure}`;
  const parts = [verdict, budgetRemark(comparison), longest];
  return parts.filter((part) => part !== undefined).join('; ');
}

/** Times are noisy: a budget that is exceeded does not fail. */
function budgetRemark({ budgetNs, moreNs }: Comparison): string | undefined {
  if (budgetNs === undefined || moreNs === undefined) return undefined;
  const used = `${moreNs.toFixed(1)} of ${budgetNs} ns more`;
  return moreNs > budgetNs ? `OVER ITS BUDGET: ${used}` : used;
}

function width(row: readonly string[], column: number): number {
  return row[column]?.length ?? 0;
}

/** Names and remarks align left, numbers right. */
function formatRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => {
      const isText = column === 0 || column === row.length - 1;
      return isText ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
    })
    .join('  ')
    .trimEnd();
}
