/** A client that demands all it can get of a server. */
export interface Attack {
  readonly title: string;
  /** Connects and sets up. */
  prepare(port: number): Promise<void>;
  /** Runs until {@link stop}. */
  start(port: number): void;
  stop(): void;
}

/** Source address; limits count by address, so it differs from the victim's. */
export const ATTACKER_ADDRESS = '127.0.0.2';
