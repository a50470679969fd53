import type { KeyObject } from 'node:crypto';
import { type KeySource, PUBLIC_KEY_ALGORITHMS } from './key-source.ts';
import { parseKeyFile } from './parse-key-file.ts';
import type { PublicKey } from './public-key.ts';
import { readKeyFile } from './read-key-file.ts';
import type { TokenHeader } from './token-header.ts';

/** The public keys of a file. */
export class FileKeys implements KeySource {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS;
  version = 0;
  readonly #path: string;
  #keys: readonly PublicKey[];

  private constructor(path: string, keys: readonly PublicKey[]) {
    this.#path = path;
    this.#keys = keys;
  }

  /** @throws KeyFileError (as a rejection) */
  static async read(path: string): Promise<FileKeys> {
    return new FileKeys(path, await readKeyFile('auth.keysFile', path, parseKeyFile));
  }

  /** Keys of the token's algorithm: those of its `kid`, else those without a name, as all of PEM are. */
  keysFor({ alg, kid }: TokenHeader): Promise<readonly KeyObject[]> {
    const fitting = this.#keys.filter(({ algorithm }) => algorithm === alg);
    const named = fitting.filter((key) => kid !== undefined && key.kid === kid);
    const unnamed = fitting.filter((key) => kid === undefined || key.kid === undefined);
    return Promise.resolve((named.length > 0 ? named : unnamed).map(({ key }) => key));
  }

  async reload(): Promise<void> {
    this.#keys = await readKeyFile('auth.keysFile', this.#path, parseKeyFile);
    this.version += 1;
  }
}
