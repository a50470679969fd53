import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TempFolder } from '../../testkit/temp-folder.ts';

/** A folder of its own with one file in it, which is written anew for every input. */
export class ScratchFile extends TempFolder {
  readonly filePath: string;

  constructor(name: string) {
    super();
    this.filePath = join(this.path, name);
  }

  write(bytes: Uint8Array): void {
    writeFileSync(this.filePath, bytes);
  }
}
