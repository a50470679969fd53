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

interface Held {
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
  readonly #held = new Map<string, Held>();
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
      const entry = { key, revision, written: sequence, wanted: sequence, isWriting: false };
      this.#held.set(name, entry);
      return { sequence, isContinued: false };
    }
  }

  /** All frames of a publisher up to a sequence are in the logs. */
  settle(name: string, sequence: number): void {
    const held = this.#held.get(name);
    if (held === undefined || sequence <= held.wanted) return;
    held.wanted = sequence;
    if (!held.isWriting) void this.#write(name, held);
  }

  /** Whether a frame is settled, or its publisher is elsewhere. */
  isSettled(name: string, sequence: number): boolean {
    const held = this.#held.get(name);
    return held === undefined || held.written >= sequence;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #write(name: string, held: Held): Promise<void> {
    held.isWriting = true;
    while (held.written < held.wanted && !this.#isStopped && this.#held.get(name) === held) {
      const { wanted } = held;
      try {
        const value = write({ edge: this.#edge, sequence: wanted });
        held.revision = await this.#keys.update(held.key, value, held.revision);
        held.written = wanted;
        this.onWritten();
      } catch {
        if (!(await this.#isStillHeld(held).catch(() => true))) this.#lose(name);
        else await delay(RETRY_MS);
      }
    }
    held.isWriting = false;
  }

  /** A write failed, or seemed to: looks at what is there. */
  async #isStillHeld(held: Held): Promise<boolean> {
    const found = await this.#keys.get(held.key);
    if (found === undefined) {
      held.revision = 0;
      return true;
    }
    const { edge } = read(found.value);
    if (edge !== this.#edge) return false;
    held.revision = found.revision;
    return true;
  }

  #lose(name: string): void {
    this.refused++;
    this.#held.delete(name);
    this.onLost(name);
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
