import type { Wire } from '../wires/wire.ts';

/** A server under comparison: how to start it, and the wire of its clients. */
export interface Contender {
  /** Name in the result tables. */
  readonly name: string;
  /** What it does with a tick, for the legend. */
  readonly description: string;
  readonly wire: Wire;
  /** Kinds of workload that it supports. */
  readonly kinds: ReadonlySet<WorkloadKind>;
  /** Why it cannot run on this machine; undefined when it can. Never throws. */
  unavailable(): Promise<string | undefined>;
  /** Its version and its runtime's. */
  version(): Promise<string>;
  /**
   * Starts it on a free port of 127.0.0.1; resolves once it accepts connections.
   *
   * @throws Error with the end of its output when it does not start
   */
  start(setting: ContenderSetting): Promise<RunningContender>;
}

export type WorkloadKind =
  /** Accept updates; no subscribers. */
  | 'ingest'
  /** Deliver updates to the subscribers of their symbols. */
  | 'fan-out';

export interface ContenderSetting {
  /** Names by index; servers that relay bytes address symbols by index. */
  readonly symbols: readonly string[];
  /** Least interval between messages to a session where the server has such a setting, ms. */
  readonly conflateMs?: number;
}

export interface RunningContender {
  readonly host: string;
  readonly port: number;
  /** The process that does all the work. CPU time covers all its threads. */
  readonly pid: number;
  /** Updates processed since start by its own count; undefined where it has none. */
  processed(): Promise<number | undefined>;
  stop(): Promise<void>;
}
