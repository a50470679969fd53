import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** Where and when figures were measured, and of which commit: without it they say nothing. */
export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  /** Short; "unknown" outside a git checkout. */
  readonly commit: string;
  /** ISO 8601. */
  readonly date: string;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    processors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    commit: commit(),
    date: new Date().toISOString(),
  };
}

/** The machine in one line, for people. */
export function formatMachine(machine: Machine): string {
  const { processor, processors, memoryGiB, node, commit } = machine;
  return `${processor}, ${processors} processors, ${memoryGiB} GiB, Node ${node}, commit ${commit}`;
}

/** The commit of this program's checkout, wherever it was started. */
function commit(): string {
  const cwd = import.meta.dirname;
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
