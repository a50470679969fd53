import { formatMachine, type Machine } from '../../loadgen/machine.ts';
import { formatCell, formatTable, wrap } from '../report/markdown.ts';
import type { Figures } from '../workloads/workload.ts';
import type { Experiment } from './experiment.ts';

/** What a run measured, as in the JSON file. */
export interface ClusterResults {
  readonly command: string;
  readonly machine: Machine;
  /** As nats-server says it. */
  readonly broker: string;
  readonly brokers: number;
  /** Until a write is on the disk, ms; before and after. */
  readonly syncMs: readonly [number, number];
  readonly rounds: number;
  readonly seconds: number;
  readonly experiments: readonly ExperimentResult[];
}

export interface ExperimentResult {
  readonly name: string;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  /** By setting, in the order of the table. */
  readonly rounds: Readonly<Record<string, readonly Figures[]>>;
  /** Why it ended early. */
  readonly failure?: string;
}

/** The machine, and a table for each experiment. */
export function formatResults(results: ClusterResults, experiments: readonly Experiment[]): string {
  const { broker, brokers, command, machine, rounds, seconds, syncMs } = results;
  const [syncBefore, syncAfter] = syncMs.map((value) => value.toFixed(2));
  const copies = brokers === 1 ? 'one broker' : `${brokers} brokers that all keep each log`;
  const origin =
    `Measured by \`${command}\` on ${machine.date.slice(0, 10)}: ${formatMachine(machine)}; ` +
    `${broker}, ${copies}, \`sync_interval: always\`; a write to the disk takes ${syncBefore} ms ` +
    `before, ${syncAfter} ms after. All processes share the machine. ` +
    `${rounds} rounds of ${seconds} s; a cell is the median (least–most).`;
  const tables = results.experiments.map((result) => {
    const experiment = experiments.find(({ name }) => name === result.name) as Experiment;
    return formatExperiment(experiment, result);
  });
  return [origin, ...tables].join('\n\n').split('\n').map(wrap).join('\n');
}

function formatExperiment(
  { columns, description, title }: Experiment,
  { failure, loadAfter, loadBefore, rounds }: ExperimentResult,
): string {
  const load = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' ');
  const used = columns.filter(({ key }) => {
    return Object.values(rounds).some((figures) => figures.some((each) => each[key] !== undefined));
  });
  const rows = Object.entries(rounds).map(([setting, figures]) => [
    setting,
    ...used.map((column) => formatCell(column, figures)),
  ]);
  const loads = `Load averages before ${load(loadBefore)}, after ${load(loadAfter)}.`;
  return [
    `### ${title}`,
    `${description} ${loads}`,
    formatTable(['', ...used.map((column) => column.title)], rows),
    ...(failure === undefined ? [] : [`It ended early: ${failure}`]),
  ].join('\n\n');
}
