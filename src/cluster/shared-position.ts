import type { KeyValues, Value } from './bus.ts';

/** Someone who does not ask for so long does not wait any more, ms. */
const ASKING_MS = 3000;
/** Attempts to let go. */
const RELEASES = 3;

/** The number of a symbol's newest record. */
export type SymbolNumber = readonly [symbol: string, sequence: number];

/** How far work has got that one member at a time does. */
export interface Progress {
  readonly position: number;
  /** As of the position; empty: not saved with it. */
  readonly numbers: readonly SymbolNumber[];
}

/** As it is stored: JSON. */
interface SavedProgress extends Progress {
  /** The member that does the work; empty: it has let go. */
  readonly holder: string;
}

export interface SharedPositionParts {
  readonly keys: KeyValues;
  readonly key: string;
  readonly member: string;
  readonly isMember: (id: string) => boolean;
  /** A member that does not let go within this time loses the work, ms. */
  readonly patienceMs: number;
}

/** Whether it was written; false: another member has the work; an error: maybe. */
type Written = boolean | { readonly error: unknown };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The position of work that one member at a time does, in a key that each write changes only as its
 * writer last saw it: who was replaced cannot move the position back.
 */
export class SharedPosition {
  readonly #parts: SharedPositionParts;
  /** 0: this member has not the work. */
  #revision = 0;
  #waitsSince = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SharedPositionParts) {
    this.#parts = parts;
  }

  /**
   * Takes the work; undefined: another member has it.
   *
   * @param readEnd the position behind all that there is
   * @throws Error if the broker does not answer, or another member was faster
   */
  async take(readEnd: () => Promise<number>): Promise<Progress | undefined> {
    const { key, keys, member } = this.#parts;
    const found = await keys.get(key);
    const saved = found && read(found);
    if (saved !== undefined && this.#mustWaitFor(saved.holder)) return undefined;
    const end = await readEnd();
    // A log that was made anew is behind.
    const isKnown = saved !== undefined && saved.position <= end;
    const position = isKnown ? saved.position : end;
    const numbers = isKnown ? saved.numbers : [];
    const taken = { position, holder: member, numbers };
    this.#revision = await keys.update(key, write(taken), found?.revision ?? 0);
    return { position, numbers };
  }

  /**
   * Saves progress; false: another member has the work.
   *
   * @throws Error if it is not known to be saved; it may be tried again
   */
  async save(progress: Progress): Promise<boolean> {
    const saved = await this.#write({ ...progress, holder: this.#parts.member });
    if (typeof saved === 'boolean') return saved;
    throw saved.error;
  }

  /**
   * Saves it and lets go; nothing if another member has the work.
   *
   * @throws Error if it is not known to be saved
   */
  async release(progress: Progress): Promise<void> {
    let saved: Written;
    let attempts = 0;
    do saved = await this.#write({ ...progress, holder: '' });
    while (typeof saved === 'object' && ++attempts < RELEASES);
    if (typeof saved === 'object') throw saved.error;
    this.#revision = 0;
  }

  /** @throws Error if the broker does not answer */
  async #write(progress: SavedProgress): Promise<Written> {
    const { key, keys, member } = this.#parts;
    if (this.#revision === 0) return false;
    try {
      this.#revision = await keys.update(key, write(progress), this.#revision);
      return true;
    } catch (error) {
      // It may be stored all the same, and the next one has to build on it.
      const found = await keys.get(key);
      const isOwn = found !== undefined && read(found).holder === member;
      this.#revision = isOwn ? found.revision : 0;
      return isOwn && { error };
    }
  }

  /** Whether a holder is to let go first: it knows best how far it is. */
  #mustWaitFor(holder: string): boolean {
    const { isMember, member, patienceMs } = this.#parts;
    if (holder === '' || holder === member || !isMember(holder)) return false;
    const now = performance.now();
    if (now - this.#askedAt > ASKING_MS) this.#waitsSince = now;
    this.#askedAt = now;
    return now - this.#waitsSince < patienceMs;
  }
}

function read({ value }: Value): SavedProgress {
  return JSON.parse(decoder.decode(value)) as SavedProgress;
}

function write(progress: SavedProgress): Uint8Array {
  return encoder.encode(JSON.stringify(progress));
}
