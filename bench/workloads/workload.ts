import type { Clock } from '../../loadgen/clock.ts';
import type { Contender } from '../contenders/contender.ts';
import type { ContenderKey } from '../contenders/contenders.ts';
import type { Market } from '../wires/wire.ts';

/**
 * What one contender reached in one round, by the keys of the columns; a figure that it does not
 * have is absent.
 */
export type Figures = Readonly<Record<string, number>>;

/** A figure of the table. */
export interface Column {
  readonly key: string;
  readonly title: string;
  /** Digits after the point. */
  readonly digits: number;
}

/** One contender's turn. */
export interface Turn {
  readonly key: ContenderKey;
  readonly contender: Contender;
  /** Length of the measured window. */
  readonly seconds: number;
  readonly clock: Clock;
  /** Ends the turn early. */
  readonly signal: AbortSignal;
}

/** A load with fixed numbers, the same for every contender. */
export interface Workload {
  /** Unique; begins with the group's name. */
  readonly name: string;
  /** The numbers, for the table. */
  readonly setting: string;
  readonly contenders: readonly ContenderKey[];
  /** Why it cannot run. */
  readonly unavailable?: string;
  /** Part of a first look, too. */
  readonly isQuick?: boolean;
  /** Rounds at most, where it takes long and varies little. */
  readonly roundsMax?: number;
  /**
   * Starts the contender, drives it, measures, and ends it.
   *
   * @throws Error when the contender or a connection was lost
   */
  measure(turn: Turn): Promise<Figures>;
}

/** Workloads of one table. */
export interface WorkloadGroup {
  readonly name: string;
  readonly title: string;
  /** What is measured, a paragraph of Markdown. */
  readonly description: string;
  readonly columns: readonly Column[];
  /** A column as a multiple of what another contender has there. */
  readonly ratio?: { readonly column: string; readonly to: ContenderKey };
  readonly workloads: readonly Workload[];
}

/** A market of so many symbols, with names of equal length. */
export function marketOf(symbols: number): Market {
  return {
    symbols: Array.from({ length: symbols }, (_, i) => `SYM-${String(i).padStart(6, '0')}`),
  };
}
