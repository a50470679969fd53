import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Anomaly } from '../../src/engine/index.ts';
import {
  type NameFilter,
  type Store,
  StoreError,
  type StoreLog,
  type StoreOptions,
} from '../../src/store/index.ts';
import { type StartWriter, startWriter, type Writer } from '../../src/store/writer.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';

/** A new store folder, removed at the end of the scope. */
export class StoreFolder implements Disposable {
  readonly #folder = new TempFolder();
  readonly root = this.#folder.path;
  readonly path = join(this.root, 'store');

  options(changes: Partial<StoreOptions> = {}): StoreOptions {
    const all = { directory: this.path, mode: 'async', retentionDays: 0, retentionPerSymbol: 0 };
    return { ...all, ...changes } as StoreOptions;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** A store's recorded log. */
export class StoreLines implements StoreLog {
  readonly lines: string[] = [];

  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`);
  }

  warn(fields: object, message: string): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields)}`);
  }

  error(fields: object, message: string): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }
}

/** An anomaly whose fields derive from symbol and sequence: a torn one shows. */
export function anomalyOf(symbol: string, sequence: number, time = 1000 + sequence): Anomaly {
  const price = sequence * 1.1 + symbol.length;
  return {
    symbol,
    sequence,
    direction: sequence % 3 === 0 ? -1 : 1,
    reference: price / 3,
    price,
    changePercent: (price % 7) - 3.5,
    time,
  };
}

/** Wants all symbols. */
export const ALL_NAMES: NameFilter = { prefix: '', foreign: undefined, lists: [] };

/** Anomalies of a symbol with sequences from `from` on. */
export async function itemsOf(
  store: Store,
  symbol: string,
  from: number,
  limit: number,
): Promise<readonly Anomaly[]> {
  return (await store.page({ symbol, from, limit })).items;
}

/** The oldest stored sequence of a symbol; one above the last if none is stored. */
export async function firstOf(store: Store, symbol: string): Promise<number> {
  return (await store.page({ symbol, from: 1, limit: 1 })).first;
}

/** Digest of every file in a folder. */
export function fingerprint(folder: string): string {
  const files: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    const isFile = lstatSync(path).isFile();
    const digest = isFile
      ? createHash('sha256').update(readFileSync(path)).digest('hex')
      : 'no file';
    files.push(`${name} ${digest}`);
  }
  return files.join('\n');
}

/** Whether this process may mount: root in a container often may not. */
export function canMount(): boolean {
  using folder = new StoreFolder();
  mkdirSync(folder.path);
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder.path]).status === 0;
  if (isMounted) execFileSync('umount', [folder.path]);
  else process.stderr.write('SKIPPED: tests of a full disk, since nothing can be mounted\n');
  return isMounted;
}

/** A separate disk of limited size at the folder's path. */
export class SmallDisk extends StoreFolder {
  constructor(bytes: number) {
    super();
    mkdirSync(this.path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.path]);
  }

  remount(access: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${access}`, this.path]);
  }

  override [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.path]);
    super[Symbol.dispose]();
  }
}

/** Makes a store's disk fail or slow down, between the store and its writer thread. */
export class FaultyDisk {
  /** Write failure, if any. */
  failure: string | undefined;
  /** Extra time of a write. */
  writeMs = 0;
  /** Whether the writer dies between its next transaction and the answer. */
  diesAfterWrite = false;
  /** The newest writer. */
  writer: Writer | undefined;

  readonly startWriter: StartWriter = async (data) => {
    const real = await startWriter(data);
    this.writer = {
      get isAlive() {
        return real.isAlive;
      },
      write: async (kind, batch) => {
        if (this.writeMs > 0) await delay(this.writeMs);
        if (this.failure !== undefined) throw new StoreError(this.failure);
        const removed = await real.write(kind, batch);
        if (!this.diesAfterWrite) return removed;
        this.diesAfterWrite = false;
        await real.terminate();
        throw new StoreError('the writer thread has ended');
      },
      sweep: (limits) => real.sweep(limits),
      close: () => real.close(),
      terminate: () => real.terminate(),
    };
    return this.writer;
  };
}
