import type { Role } from './client.ts';
import type { Rig } from './rig.ts';

/** One promise of a client, and how the kit finds out whether it is kept. */
export interface Check {
  /** Names it on the command line. */
  readonly name: string;
  readonly role: Role;
  /** The promise, as a sentence about the client. */
  readonly promise: string;
  /** The heading in docs/PROTOCOL.md that asks for it. */
  readonly section: string;
  /**
   * Plays through it with a client.
   *
   * @throws Broken if the client does otherwise, NotSupported if it says that it cannot
   */
  readonly run: (rig: Rig) => Promise<void>;
}
