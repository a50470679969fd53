import type { Clock } from '../../loadgen/clock.ts';
import type { Column, Figures } from '../workloads/workload.ts';

/** What is measured of a cluster: one table of the report. */
export interface Experiment {
  readonly name: string;
  readonly title: string;
  /** What is measured, for people. */
  readonly description: string;
  readonly columns: readonly Column[];
  /**
   * Measures all rounds, and notes each as soon as it is there.
   *
   * @throws Error when a process or a connection was lost, or on interrupt
   */
  measure(run: ClusterRun, note: Note): Promise<void>;
}

/** Notes the figures of a round of a setting. */
export type Note = (setting: string, figures: Figures) => void;

export interface ClusterRun {
  /** The command of nats-server. */
  readonly natsServer: string;
  /** NATS servers, which all keep each log: 1 or 3. */
  readonly brokers: number;
  /** Shards of the clusters whose costs are compared; others have the first number of them. */
  readonly shards: readonly number[];
  /** Ticks a second of a steady load. */
  readonly rate: number;
  readonly rounds: number;
  /** Length of a measured window. */
  readonly seconds: number;
  /** Owners killed, and stopped. */
  readonly kills: number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}
