import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Anomaly } from '../../src/engine/index.ts';
import type { StoreLog, StoreOptions } from '../../src/store/index.ts';
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
