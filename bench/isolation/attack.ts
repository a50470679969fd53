/** One client that wants as much of a server as it can get, or more. */
export interface Attack {
  /** What it does, for the table. */
  readonly title: string;
  /** Connects, and brings about what it needs. */
  prepare(port: number): Promise<void>;
  /** Begins, and goes on until {@link stop}. */
  start(port: number): void;
  stop(): void;
}

/** The address it comes from: limits go by it, and it is not that of the victim. */
export const ATTACKER_ADDRESS = '127.0.0.2';
