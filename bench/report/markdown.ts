import { formatMachine } from '../../loadgen/machine.ts';
import { CONTENDER_KEYS, type ContenderKey } from '../contenders/contenders.ts';
import type { Column, Figures, WorkloadGroup } from '../workloads/workload.ts';
import { type Results, spreadOf, type WorkloadResult } from './results.ts';

const NONE = '–';
const RATIO_DIGITS = 2;
const COLUMNS_MAX = 100;

/** The report: the machine, a table a workload group, and who did not take part. */
export function formatMarkdown(results: Results, groups: readonly WorkloadGroup[]): string {
  const tables = groups
    .map((group) => formatGroup(group, results))
    .filter((table) => table !== undefined);
  return [formatOrigin(results), ...tables, formatContenders(results), formatFailures(results)]
    .filter((part) => part !== '')
    .join('\n\n')
    .split('\n')
    .map(wrap)
    .join('\n');
}

/** Prose in lines of at most COLUMNS_MAX, items of lists indented; rows of tables stay whole. */
export function wrap(line: string): string {
  if (line.startsWith('|')) return line;
  const indent = line.startsWith('- ') ? '  ' : '';
  const lines = [''];
  for (const word of line.split(' ')) {
    const last = lines.at(-1) as string;
    const longer = last === '' ? word : `${last} ${word}`;
    if (last === '' || longer.length <= COLUMNS_MAX) lines[lines.length - 1] = longer;
    else lines.push(indent + word);
  }
  return lines.join('\n');
}

function formatOrigin(results: Results): string {
  const { command, machine, rounds, seconds, loadBefore, loadAfter, startedAt } = results;
  const load = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' ');
  return [
    `Measured by \`${command}\` on ${startedAt.slice(0, 10)}: ${formatMachine(machine)}.`,
    `${rounds} rounds of ${seconds} s for each cell, the contenders of a workload in turn; ` +
      'a cell is the median (least–most).',
    `Load averages before ${load(loadBefore)}, after ${load(loadAfter)}.`,
  ].join('\n');
}

function formatGroup(group: WorkloadGroup, results: Results): string | undefined {
  const workloads = results.workloads.filter((workload) => workload.group === group.name);
  if (workloads.length === 0) return undefined;
  const ratioTitle = group.ratio === undefined ? [] : [ratioColumn(group, results)];
  const head = ['workload', 'contender', ...group.columns.map(({ title }) => title), ...ratioTitle];
  const rows = workloads.flatMap((workload) => workloadRows(group, workload, results));
  const skipped = workloads
    .filter(({ skipped: reason }) => reason !== undefined)
    .map(({ setting, skipped: reason }) => `Not run: ${setting}: ${reason}.`);
  const parts = [`### ${group.title}`, group.description];
  if (rows.length > 0) parts.push(formatTable(head, rows));
  return [...parts, ...skipped].join('\n\n');
}

function ratioColumn({ columns, ratio }: WorkloadGroup, results: Results): string {
  const title = columns.find(({ key }) => key === ratio?.column)?.title ?? '';
  const other = results.contenders.find(({ key }) => key === ratio?.to)?.name ?? ratio?.to ?? '';
  return `${title} ÷ ${other}`;
}

function workloadRows(
  group: WorkloadGroup,
  workload: WorkloadResult,
  results: Results,
): string[][] {
  const keys = CONTENDER_KEYS.filter((key) => (workload.rounds[key]?.length ?? 0) > 0);
  return keys.map((key, index) => {
    const rounds = workload.rounds[key] ?? [];
    const name = results.contenders.find((contender) => contender.key === key)?.name ?? key;
    const cells = group.columns.map((column) => formatCell(column, rounds));
    const ratio = group.ratio === undefined ? [] : [formatRatio(group.ratio, key, workload)];
    return [index === 0 ? workload.setting : '', name, ...cells, ...ratio];
  });
}

export function formatCell({ key, digits }: Column, rounds: readonly Figures[]): string {
  const values = valuesOf(key, rounds);
  if (values.length === 0) return NONE;
  const { median, min, max } = spreadOf(values);
  const show = (value: number) => formatNumber(value, digits);
  return values.length === 1 ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}

function formatRatio(
  { column, to }: { readonly column: string; readonly to: ContenderKey },
  key: ContenderKey,
  workload: WorkloadResult,
): string {
  const own = valuesOf(column, workload.rounds[key] ?? []);
  const others = valuesOf(column, workload.rounds[to] ?? []);
  if (own.length === 0 || others.length === 0) return NONE;
  return formatNumber(spreadOf(own).median / spreadOf(others).median, RATIO_DIGITS);
}

function valuesOf(key: string, rounds: readonly Figures[]): number[] {
  return rounds.map((figures) => figures[key]).filter((value) => value !== undefined);
}

function formatNumber(value: number, digits: number): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function formatContenders({ contenders }: Results): string {
  const lines = contenders.map(({ name, description, version, skipped }) => {
    const state = skipped === undefined ? `(${version})` : `(did not run: ${skipped})`;
    return `- *${name}*: ${description} ${state}`;
  });
  return ['### Contenders', lines.join('\n')].join('\n\n');
}

function formatFailures({ failures }: Results): string {
  if (failures.length === 0) return '';
  const lines = failures.map(({ workload, contender, round, message }) => {
    return `- ${workload}, ${contender}, round ${round}: ${message.split('\n', 1)[0]}`;
  });
  return ['### Failures', lines.join('\n')].join('\n\n');
}

/** Padded columns: the source is read as text too. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => {
    return Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0));
  });
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `| ${padded.join(' | ')} |`;
  };
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/**
 * Replaces the text between the document's markers; without a document, returns the report with
 * markers.
 *
 * @param document undefined if there is none yet
 *
 * @throws Error for a single marker or two in the wrong order
 */
export function spliceReport(document: string | undefined, report: string): string {
  const framed = `${BEGIN}\n\n${report}\n\n${END}`;
  const begin = document?.indexOf(BEGIN) ?? -1;
  const end = document?.indexOf(END) ?? -1;
  if (document === undefined || (begin < 0 && end < 0)) return `${framed}\n`;
  if (begin < 0 || end < begin)
    throw new Error(`the document needs ${BEGIN} and, behind it, ${END}`);
  return document.slice(0, begin) + framed + document.slice(end + END.length);
}
