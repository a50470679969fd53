import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from './bus.ts';
import type { ClusterNames } from './names.ts';
import { type ShardSnapshot, type StoredSnapshot, saveSnapshot } from './shard-snapshot.ts';

/** Time for the outputs before a snapshot to be stored, ms. */
const SETTLE_MS = 5000;
/** Interval of looks whether they are, ms. */
const LOOK_MS = 5;

/** The broker does not store outputs: no snapshot of any shard can be saved now. */
export class OutputsLateError extends Error {
  override readonly name = 'OutputsLateError';
}

/** The shard whose snapshots are written. */
export interface SavedShard {
  readonly bus: Bus;
  readonly names: ClusterNames;
  readonly shard: number;
  readonly isStopped: () => boolean;
  /** Writes the outputs that wait; returns whether the claim is known to be the last. */
  readonly confirm: () => Promise<boolean>;
}

/**
 * Writes the snapshots of a shard, each after the outputs that it contains. Each expects the one
 * that it replaces: one of an owner that was replaced cannot take the place of a newer.
 */
export class SnapshotWriter {
  /** Of the newest one that is known. */
  position: number;
  readonly #shard: SavedShard;
  /** Sequence of its manifest, 0: there is none; undefined: not known. */
  #manifest: number | undefined;

  constructor(shard: SavedShard, newest: StoredSnapshot | undefined) {
    this.#shard = shard;
    this.position = newest?.position ?? 0;
    this.#manifest = newest?.manifest ?? 0;
  }

  /**
   * Saves one.
   *
   * @returns false: the shard is no longer owned
   * @throws OutputsLateError; Error if the broker does not store it
   */
  async save(snapshot: ShardSnapshot): Promise<boolean> {
    const { bus, names, shard } = this.#shard;
    // Before the look at the claim: what is the newest then is not of a later owner.
    const replaced = this.#manifest ?? (await this.#newest());
    if (!(await this.#settle())) return false;
    // If it fails, it may be stored all the same, or one of the owner before.
    this.#manifest = undefined;
    this.#manifest = await saveSnapshot(bus, names, shard, snapshot, replaced);
    this.position = snapshot.position;
    return true;
  }

  async #newest(): Promise<number> {
    const { bus, names, shard } = this.#shard;
    return (await bus.last(names.snapshotLog, names.snapshot(shard)))?.sequence ?? 0;
  }

  /** Waits until the outputs so far are stored, and the claim is known to be the last. */
  async #settle(): Promise<boolean> {
    const { confirm, isStopped } = this.#shard;
    const late = delay(SETTLE_MS, 'late', { ref: false });
    while (!isStopped()) {
      const isOwn = await Promise.race([confirm(), late]);
      if (isOwn === 'late') throw new OutputsLateError('outputs before it are not stored');
      if (isOwn) return !isStopped();
      await delay(LOOK_MS);
    }
    return false;
  }
}
