import type { Random } from '../../testkit/random.ts';

/** One part of the program that reads what others wrote, and what must hold whatever it reads. */
export interface Target {
  readonly name: string;
  /** Whose blocks count as reached: ends of paths of files; `.js` where they have no extension. */
  readonly covers: readonly string[];
  /** The longest input that is made of others, bytes; 64 KB where not given. */
  readonly inputBytesMax?: number;
  /** Pieces that mean something to it, for mutations. */
  readonly dictionary: readonly string[];
  /** Inputs to begin with. */
  seeds(): readonly Uint8Array[];
  /** An input made from nothing, by what is known of the format. */
  generate(random: Random): Uint8Array;
  /**
   * Makes a mutated input pass checks that stand before what is to be tested, such as checksums.
   */
  repair?(input: Uint8Array): Uint8Array;
  /**
   * Reads an input.
   *
   * @throws whatever breaks the target's properties: the errors that are documented are caught here
   */
  execute(input: Uint8Array): void;
  /** Removes what it keeps on disk. */
  close?(): void;
}

/** Makes a target; called in the thread that uses it. */
export type TargetMaker = () => Target;

/** A property that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The longest input of a target, bytes. */
export function inputBytesMaxOf(target: Target): number {
  return target.inputBytesMax ?? 65_536;
}
