import { setTimeout as delay } from 'node:timers/promises';
import type { KeyValues } from './bus.ts';

/** Wait before a write that failed is made again, ms. */
const RETRY_MS = 100;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What the ledger has of a publisher. */
interface Entry {
  /** The connection point that settles its frames. */
  readonly edge: string;
  /** All its frames up to this one are in the logs. */
  readonly sequence: number;
}

/** The answer to a claim. */
export interface ClaimedPublisher {
  readonly sequence: number;
  /** Whether it was here before, and nowhere else since. */
  readonly isContinued: boolean;
}

/** A publisher from a claim here until another edge claims it. */
export interface Hold {
  readonly name: string;
  readonly key: string;
  revision: number;
  written: number;
  wanted: number;
  isWriting: boolean;
}

/**
 * The last settled frame of each named publisher, for the whole cluster. One edge at a time holds a
 * publisher: a claim makes the writes of the one before fail, and so tells it.
 */
export class PublisherLedger {
  /** Called when another edge has claimed a publisher. */
  onLost: (name: string) => void = () => undefined;
  /** Called after writes. */
  onWritten: () => void = () => undefined;
  /** Writes that were refused since another edge had claimed the publisher. */
  refused = 0;
  readonly #edge: string;
  readonly #keys: KeyValues;
  readonly #held = new Map<string, Hold>();
  #isStopped = false;

  constructor(edge: string, keys: KeyValues) {
    this.#edge = edge;
    this.#keys = keys;
  }

  /**
   * Claims a publisher for this edge.
   *
   * @throws Error if the broker does not answer
   */
  async claim(name: string): Promise<ClaimedPublisher> {
    const key = keyOf(name);
    for (;;) {
      const found = await this.#keys.get(key);
      const { edge, sequence } = found === undefined ? NOBODY : read(found.value);
      const held = this.#held.get(name);
      if (edge === this.#edge && held !== undefined) return { sequence, isContinued: true };
      const value = write({ edge: this.#edge, sequence });
      const revision = await this.#keys
        .update(key, value, found?.revision ?? 0)
        .catch(async (error: unknown) => {
          // Another may have been first; if not, the broker does not work.
          const now = await this.#keys.get(key);
          if (now?.revision === found?.revision) throw error;
          return undefined;
        });
      if (revision === undefined) continue;
      const done = { written: sequence, wanted: sequence, isWriting: false };
      this.#held.set(name, { name, key, revision, ...done });
      // What waits for the hold before is done.
      this.onWritten();
      return { sequence, isContinued: false };
    }
  }

  /** The hold of a publisher; undefined: it is not held here. */
  holdOf(name: string): Hold | undefined {
    return this.#held.get(name);
  }

  /** All frames of a publisher up to a sequence, which came under a hold, are in the logs. */
  settle(hold: Hold, sequence: number): void {
    if (!this.#isCurrent(hold) || sequence <= hold.wanted) return;
    hold.wanted = sequence;
    if (!hold.isWriting) void this.#write(hold);
  }

  /** Whether a frame is settled, or its publisher has been elsewhere since. */
  isSettled(hold: Hold, sequence: number): boolean {
    return !this.#isCurrent(hold) || hold.written >= sequence;
  }

  #isCurrent(hold: Hold): boolean {
    return this.#held.get(hold.name) === hold;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #write(hold: Hold): Promise<void> {
    hold.isWriting = true;
    while (hold.written < hold.wanted && !this.#isStopped && this.#isCurrent(hold)) {
      const { wanted } = hold;
      try {
        const value = write({ edge: this.#edge, sequence: wanted });
        hold.revision = await this.#keys.update(hold.key, value, hold.revision);
        hold.written = wanted;
        this.onWritten();
      } catch {
        if (!(await this.#isStillHeld(hold).catch(() => true))) this.#lose(hold);
        else await delay(RETRY_MS);
      }
    }
    hold.isWriting = false;
  }

  /** A write failed, or seemed to: looks at what is there. */
  async #isStillHeld(hold: Hold): Promise<boolean> {
    const found = await this.#keys.get(hold.key);
    if (found === undefined) {
      hold.revision = 0;
      return true;
    }
    const { edge } = read(found.value);
    if (edge !== this.#edge) return false;
    hold.revision = found.revision;
    return true;
  }

  #lose(hold: Hold): void {
    // It may have been claimed again meanwhile.
    if (!this.#isCurrent(hold)) return;
    this.refused++;
    this.#held.delete(hold.name);
    this.onLost(hold.name);
    this.onWritten();
  }
}

/** What the ledger has of a publisher that was at no edge yet: key and value. */
export function importedEntry(name: string, sequence: number): readonly [string, Uint8Array] {
  return [keyOf(name), write({ edge: '', sequence })];
}

const NOBODY: Entry = { edge: '', sequence: 0 };

/** Names may have what keys may not. */
function keyOf(name: string): string {
  return Buffer.from(name).toString('base64url');
}

function write(entry: Entry): Uint8Array {
  return encoder.encode(JSON.stringify(entry));
}

function read(value: Uint8Array): Entry {
  return JSON.parse(decoder.decode(value)) as Entry;
}
