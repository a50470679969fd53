import type { ServedEngine } from '../../engine/index.ts';
import type { FrameJournal } from '../ingest/frame-journal.ts';

/**
 * Publishes ticks to the workers once the journal has them on disk (`store.mode: sync`), so that
 * nothing is delivered that a crash could take back. Marks what was offered, waits for its sync,
 * publishes, and marks again.
 */
export class SyncedPublication {
  readonly #engine: ServedEngine;
  readonly #journal: FrameJournal;
  /** Position in the journal that has to be on disk before the marked ticks are published. */
  #awaited: number | undefined;

  constructor(engine: ServedEngine, journal: FrameJournal) {
    this.#engine = engine;
    this.#journal = journal;
  }

  /** Whether marked ticks wait for the disk. */
  get isWaiting(): boolean {
    return this.#awaited !== undefined;
  }

  /** Publishes the offered ticks as soon as they are on disk, unless earlier ones wait. */
  request(): void {
    if (this.isWaiting || !this.#engine.isUnmarked) return;
    this.#engine.mark();
    this.#awaited = this.#journal.position;
    if (!this.tryPublish()) this.#journal.wantSynced(this.#awaited);
  }

  /** Publishes the marked ticks if they are on disk, and requests the next. */
  tryPublish(): boolean {
    if (this.#awaited === undefined || this.#journal.syncedPosition < this.#awaited) return false;
    this.#awaited = undefined;
    this.#engine.publishMarked();
    this.request();
    return true;
  }
}
