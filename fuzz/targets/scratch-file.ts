import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own with one file in it, which is written anew for every input. */
export class ScratchFile {
  readonly folder = mkdtempSync(join(tmpdir(), 'tickwire-fuzz-'));
  readonly path: string;

  constructor(name: string) {
    this.path = join(this.folder, name);
  }

  write(bytes: Uint8Array): void {
    writeFileSync(this.path, bytes);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
