import { assertEqual, type Engine } from '../../engine/index.ts';
import { VALUES } from '../../protocol/index.ts';

/** No version: the session was sent no entry of the symbol yet. */
export const NO_VERSION = -1;

const INITIAL_VERSIONS = 1024;

type VersionedEngine = Pick<Engine, 'statistics'> & {
  readonly symbols: Pick<Engine['symbols'], 'isRetiring'>;
};

/**
 * The states of symbols that sessions were sent: deltas start from them.
 *
 * A version is one state that a symbol had. A session's cursor on a symbol is the number of the
 * version it was last sent; each symbol has one current version. Versions live in columns, are
 * reference-counted and are reused when unreferenced. However far sessions drift apart, there are
 * no more versions than cursors and symbols, and sessions at the same version share the bytes of
 * their next entry.
 */
export class SymbolVersions {
  /** VALUES doubles a version, from `version * VALUES`. */
  values = new Float64Array(INITIAL_VERSIONS * VALUES);
  /**
   * Changes whenever a version gets another state, which invalidates caches. From 1; never repeats,
   * so caches may hold it for ever.
   */
  serials = new Float64Array(INITIAL_VERSIONS);
  readonly #engine: VersionedEngine;
  #references = new Uint32Array(INITIAL_VERSIONS);
  #rowVersions = new Float64Array(INITIAL_VERSIONS);
  /** Current version + 1 by symbol id; 0 for none. */
  #current = new Int32Array(INITIAL_VERSIONS);
  #free: number[] = [];
  #used = 0;
  /** The last serial. In an array: a field that holds a double is allocated at each write. */
  readonly #serial: Float64Array;
  readonly #row = new Float64Array(VALUES);

  /** @param serial the last one before the first; other than 0 only in tests */
  constructor(engine: VersionedEngine, serial = 0) {
    this.#engine = engine;
    this.#serial = Float64Array.of(serial);
  }

  /** A symbol's newest version, or {@link NO_VERSION}. */
  current(symbolId: number): number {
    return (this.#current[symbolId] ?? 0) - 1;
  }

  /**
   * Makes a symbol's row its current version.
   *
   * @returns whether it is new; false also while the row is being written: the symbol will be dirty
   *   again; and while the symbol is being retired: its row may already be of the next life
   */
  refresh(symbolId: number): boolean {
    if (this.#engine.symbols.isRetiring(symbolId)) return false;
    const rowVersion = this.#engine.statistics.read(symbolId, this.#row, 0);
    // 0 is no row, -1 a row being written.
    if (rowVersion <= 0) return false;
    const old = this.current(symbolId);
    if (old !== NO_VERSION && this.#rowVersions[old] === rowVersion) return false;
    // No session was sent the old version: it can become the new one.
    const isUnsent = old !== NO_VERSION && this.#references[old] === 1;
    const version = isUnsent ? old : this.#allocate();
    this.values.set(this.#row, version * VALUES);
    this.#rowVersions[version] = rowVersion;
    const serial = (this.#serial[0] as number) + 1;
    this.#serial[0] = serial;
    this.serials[version] = serial;
    if (!isUnsent) this.#setCurrent(symbolId, old, version);
    return true;
  }

  /** Drops the current version of a retired symbol. Sessions release theirs themselves. */
  forget(symbolId: number): void {
    const current = this.current(symbolId);
    if (current === NO_VERSION) return;
    this.#current[symbolId] = 0;
    this.release(current);
  }

  retain(version: number): void {
    this.#references[version] = (this.#references[version] as number) + 1;
  }

  release(version: number): void {
    if (version === NO_VERSION) return;
    const left = (this.#references[version] as number) - 1;
    if (left <= 0) {
      assertEqual('references to a symbol version', left, 0);
      this.#free.push(version);
    }
    this.#references[version] = left;
  }

  #setCurrent(symbolId: number, old: number, version: number): void {
    if (symbolId >= this.#current.length) {
      const size = Math.max(symbolId + 1, this.#current.length * 2);
      this.#current = grown(this.#current, new Int32Array(size));
    }
    this.#current[symbolId] = version + 1;
    this.retain(version);
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
    this.serials = grown(this.serials, new Float64Array(size));
    this.#references = grown(this.#references, new Uint32Array(size));
    this.#rowVersions = grown(this.#rowVersions, new Float64Array(size));
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
