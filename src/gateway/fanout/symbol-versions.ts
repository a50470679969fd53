import { assertEqual, type Engine } from '../../engine/index.ts';
import { VALUES } from '../../protocol/index.ts';

/** No version: what a session has of a symbol before its first entry. */
export const NO_VERSION = -1;

const INITIAL_SNAPSHOTS = 1024;

/**
 * States of symbols that sessions were sent: what deltas are made from.
 *
 * A snapshot is one state that a symbol really had. A session's cursor on a symbol is the number of the snapshot it was
 * last sent; each symbol has one current snapshot. Snapshots are counted references in columns, used again when nothing
 * refers to them: however far apart sessions are, there are no more snapshots than cursors and symbols, and sessions that
 * stand at the same one share the bytes of their next entry.
 */
export class SymbolVersions {
  /** VALUES doubles a snapshot, from `snapshot * VALUES`. */
  values = new Float64Array(INITIAL_SNAPSHOTS * VALUES);
  /** Changes whenever a snapshot comes to hold another state: what caches hold against. */
  serials = new Uint32Array(INITIAL_SNAPSHOTS);
  readonly #engine: Pick<Engine, 'statistics'>;
  #references = new Uint32Array(INITIAL_SNAPSHOTS);
  #versions = new Int32Array(INITIAL_SNAPSHOTS);
  /** Current snapshot + 1 by symbol id; 0 for none. */
  #current = new Int32Array(INITIAL_SNAPSHOTS);
  #free: number[] = [];
  #used = 0;
  #serial = 0;
  readonly #row = new Float64Array(VALUES);

  constructor(engine: Pick<Engine, 'statistics'>) {
    this.#engine = engine;
  }

  /** The newest snapshot of a symbol that was taken, or {@link NO_VERSION}. */
  current(symbolId: number): number {
    return (this.#current[symbolId] ?? 0) - 1;
  }

  /**
   * Takes a symbol's row as its current snapshot.
   *
   * @returns whether it is a new one; false too while the row is being written (it will be marked dirty again)
   */
  refresh(symbolId: number): boolean {
    const version = this.#engine.statistics.read(symbolId, this.#row, 0);
    // Versions wrap: negative ones are as good as others, but for the odd one that means "not now".
    if (version === 0 || version === -1) return false;
    const old = this.current(symbolId);
    if (old !== NO_VERSION && this.#versions[old] === version) return false;
    // Nobody was sent the old one: it may as well become the new one.
    const isUnsent = old !== NO_VERSION && this.#references[old] === 1;
    const snapshot = isUnsent ? old : this.#allocate();
    this.values.set(this.#row, snapshot * VALUES);
    this.#versions[snapshot] = version;
    this.#serial = (this.#serial + 1) >>> 0;
    this.serials[snapshot] = this.#serial;
    if (!isUnsent) this.#setCurrent(symbolId, old, snapshot);
    return true;
  }

  retain(snapshot: number): void {
    this.#references[snapshot] = (this.#references[snapshot] as number) + 1;
  }

  release(snapshot: number): void {
    if (snapshot === NO_VERSION) return;
    const left = (this.#references[snapshot] as number) - 1;
    if (left <= 0) {
      assertEqual('references to a symbol version', left, 0);
      this.#free.push(snapshot);
    }
    this.#references[snapshot] = left;
  }

  #setCurrent(symbolId: number, old: number, snapshot: number): void {
    if (symbolId >= this.#current.length) {
      const size = Math.max(symbolId + 1, this.#current.length * 2);
      this.#current = grown(this.#current, new Int32Array(size));
    }
    this.#current[symbolId] = snapshot + 1;
    this.retain(snapshot);
    this.release(old);
  }

  #allocate(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.serials.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const size = this.serials.length * 2;
    this.values = grown(this.values, new Float64Array(size * VALUES));
    this.serials = grown(this.serials, new Uint32Array(size));
    this.#references = grown(this.#references, new Uint32Array(size));
    this.#versions = grown(this.#versions, new Int32Array(size));
  }
}

/** A larger array that begins with the content of an old one: how columns of numbers grow. */
export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array>(
  old: T,
  larger: T,
): T {
  larger.set(old);
  return larger;
}
