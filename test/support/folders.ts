import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { TempFolder } from '../../testkit/temp-folder.ts';

/** A folder for configuration files, gone at the end of the scope. */
export class ConfigFolder extends TempFolder {
  write(name: string, content: unknown): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(this.path, name), text);
  }
}

/** The path of a new folder that is gone when the test is over. */
export function folderForTest(): string {
  const folder = new TempFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

/** The path of a new folder that is gone after all tests of the suite. */
export function folderForSuite(): string {
  const folder = new TempFolder();
  afterAll(() => folder[Symbol.dispose]());
  return folder.path;
}
