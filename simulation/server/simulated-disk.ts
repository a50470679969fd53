import type { Anomaly } from '../../src/engine/index.ts';
import type { SnapshotInfo } from '../../src/store/snapshot-format.ts';

/**
 * What a disk can fail at:
 *
 * - `append`: a transaction of anomalies, of which nothing is then on disk;
 * - `answer`: the same, but all of it is on disk: the writer died before it could say so;
 * - `write`: a snapshot, which stays torn; `rename`: it is whole, and has no name;
 * - `sync`, `remove`: the snapshot has its name, but it is not told as saved;
 * - `read`: the newest snapshot at a start, in place of which the one before is used;
 * - `journalOpen`, `journalWrite`, `journalSync`: see `SimulatedSegments`.
 */
export const JOURNAL_OPERATIONS = ['journalOpen', 'journalWrite', 'journalSync'] as const;
export const DISK_OPERATIONS = [
  'append',
  'answer',
  'write',
  'rename',
  'sync',
  'remove',
  'read',
  ...JOURNAL_OPERATIONS,
] as const;
export type DiskOperation = (typeof DISK_OPERATIONS)[number];

export interface DiskFault {
  readonly operation: DiskOperation | 'any write';
  /** How often it still fails; Infinity: until it is mended. */
  left: number;
}

export interface DiskSnapshot {
  readonly number: number;
  readonly info: SnapshotInfo;
  readonly chunks: readonly Uint8Array[];
  /** The full one that holds what did not change; undefined if this one is full. */
  readonly base: DiskSnapshot | undefined;
  /** False while it is being written, and for good when the process died meanwhile. */
  isWhole: boolean;
}

/** What outlives a process: durable anomalies by symbol, and the last snapshots. */
export class SimulatedDisk {
  readonly anomalies = new Map<string, Anomaly[]>();
  snapshots: DiskSnapshot[] = [];
  /** What fails now: see {@link DiskFault}. */
  fault: DiskFault | undefined;
  /** Every operation takes so many times as long. */
  slowness = 1;

  /** The newest snapshot that is whole and can be read: one of several at most cannot. */
  get newest(): DiskSnapshot | undefined {
    const whole = this.snapshots.filter(({ isWhole }) => isWhole);
    const isDamaged = whole.length > 1 && this.fails('read');
    return whole.at(isDamaged ? -2 : -1);
  }

  /** Whether an operation that is done now fails. */
  fails(operation: DiskOperation): boolean {
    const { fault } = this;
    if (fault === undefined || (fault.operation !== operation && fault.operation !== 'any write'))
      return false;
    if (operation === 'read' && fault.operation !== 'read') return false;
    if (--fault.left === 0) this.fault = undefined;
    return true;
  }

  lastSequence(symbol: string): number {
    return this.anomalies.get(symbol)?.at(-1)?.sequence ?? 0;
  }

  write(anomaly: Anomaly): void {
    const own = this.anomalies.get(anomaly.symbol);
    if (own === undefined) this.anomalies.set(anomaly.symbol, [anomaly]);
    else own.push(anomaly);
  }

  /** Keeps two whole snapshots, and torn ones behind them. */
  prune(): void {
    const kept = this.snapshots.filter(({ isWhole }) => isWhole).slice(-2);
    const first = kept[0]?.number ?? 0;
    this.snapshots = this.snapshots.filter(({ number }) => number >= first);
  }
}
