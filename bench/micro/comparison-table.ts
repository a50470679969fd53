import type { Comparison } from './baseline.ts';

const HEADINGS = ['', 'ns', 'min', 'bytes', 'baseline', 'ratio', ''] as const;

/** The comparisons as a table for people. */
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

function remark({ failure, longestStepMs, warning }: Comparison): string {
  const longest = longestStepMs && `longest step ${longestStepMs.toFixed(2)} ms`;
  const verdict = failure === undefined ? warning : `FAILED: ${failure}`;
  return [verdict, longest].filter((part) => part !== undefined).join('; ');
}

function width(row: readonly string[], column: number): number {
  return row[column]?.length ?? 0;
}

/** Names and remarks to the left, numbers to the right. */
function formatRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => {
      const isText = column === 0 || column === row.length - 1;
      return isText ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
    })
    .join('  ')
    .trimEnd();
}
