import type { Anomaly } from '../../src/engine/index.ts';
import type { SnapshotInfo } from '../../src/store/snapshot-format.ts';

export interface DiskSnapshot {
  readonly number: number;
  readonly info: SnapshotInfo;
  readonly chunks: readonly Uint8Array[];
  /** False while it is being written, and for good when the process died meanwhile. */
  isWhole: boolean;
}

/** What outlives a process: durable anomalies by symbol, and the last snapshots. */
export class SimulatedDisk {
  readonly anomalies = new Map<string, Anomaly[]>();
  snapshots: DiskSnapshot[] = [];
  /** Why nothing can be written; undefined when it can. */
  fault: string | undefined;

  /** The newest snapshot that is whole. */
  get newest(): DiskSnapshot | undefined {
    return this.snapshots.findLast(({ isWhole }) => isWhole);
  }

  lastSequence(symbol: string): number {
    return this.anomalies.get(symbol)?.at(-1)?.sequence ?? 0;
  }

  write(anomaly: Anomaly): void {
    const own = this.anomalies.get(anomaly.symbol);
    if (own === undefined) this.anomalies.set(anomaly.symbol, [anomaly]);
    else own.push(anomaly);
  }

  /** Of those that are whole two stay, and what was torn behind them. */
  prune(): void {
    const kept = this.snapshots.filter(({ isWhole }) => isWhole).slice(-2);
    const first = kept[0]?.number ?? 0;
    this.snapshots = this.snapshots.filter(({ number }) => number >= first);
  }
}
