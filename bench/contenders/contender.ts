import type { Wire } from '../wires/wire.ts';

/** A server to compare with others: how to start it, and what its clients speak. */
export interface Contender {
  /** As in the table of results. */
  readonly name: string;
  /** What it does with a tick, in a few words, for the legend of the table. */
  readonly description: string;
  readonly wire: Wire;
  /** Whether it can take part in workloads of this kind. */
  readonly kinds: ReadonlySet<WorkloadKind>;
  /** Why it cannot run on this machine; undefined when it can. Never throws. */
  unavailable(): Promise<string | undefined>;
  /** Its version, and that of what it runs on. */
  version(): Promise<string>;
  /**
   * Starts it on a free port of 127.0.0.1; resolves when it takes connections.
   *
   * @throws Error with the end of its output when it does not start
   */
  start(setting: ContenderSetting): Promise<RunningContender>;
}

/** What is asked of a contender: */
export type WorkloadKind =
  /** take updates in, nobody subscribed; */
  | 'ingest'
  /** deliver updates to subscribers of their symbols. */
  | 'fan-out';

export interface ContenderSetting {
  /** Names by index: servers of ready bytes address symbols by their index. */
  readonly symbols: readonly string[];
  /** Least time between two messages to a session, where it knows such a thing, ms. */
  readonly conflateMs?: number;
}

/** A started contender. */
export interface RunningContender {
  readonly host: string;
  readonly port: number;
  /** The one process that does all the work: the CPU time of all its threads is measured. */
  readonly pid: number;
  /** Updates it processed since its start, by its own count; undefined where it does not tell. */
  processed(): Promise<number | undefined>;
  stop(): Promise<void>;
}
