import type { Clock } from '../../loadgen/clock.ts';
import type { Contender } from '../contenders/contender.ts';
import type { ContenderKey } from '../contenders/contenders.ts';
import type { Market } from '../wires/wire.ts';

/** A contender's figures of one round by column key; missing ones are absent. */
export type Figures = Readonly<Record<string, number>>;

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Decimal places. */
  readonly digits: number;
  /** Of most figures less is better. */
  readonly isMoreBetter?: boolean;
}

export interface Turn {
  readonly key: ContenderKey;
  readonly contender: Contender;
  readonly seconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A load with fixed parameters, the same for every contender. */
export interface Workload {
  /** Unique; prefixed by the group's name. */
  readonly name: string;
  /** Parameters, for the table. */
  readonly setting: string;
  readonly contenders: readonly ContenderKey[];
  readonly unavailable?: string;
  /** Included in a first look. */
  readonly isQuick?: boolean;
  /** Round limit of slow, stable workloads. */
  readonly roundsMax?: number;
  /**
   * Runs one measurement from start to end.
   *
   * @throws Error when the contender or a connection was lost
   */
  measure(turn: Turn): Promise<Figures>;
}

export interface WorkloadGroup {
  readonly name: string;
  readonly title: string;
  /** Markdown paragraph on what is measured. */
  readonly description: string;
  readonly columns: readonly Column[];
  /** Shows a column relative to another contender. */
  readonly ratio?: { readonly column: string; readonly to: ContenderKey };
  readonly workloads: readonly Workload[];
}

/** A market of `symbols` names of equal length. */
export function marketOf(symbols: number): Market {
  return {
    symbols: Array.from({ length: symbols }, (_, i) => `SYM-${String(i).padStart(6, '0')}`),
  };
}
