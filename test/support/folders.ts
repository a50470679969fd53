import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { TempFolder } from '../../testkit/temp-folder.ts';

/** Configuration folder, removed at the end of the scope. */
export class ConfigFolder extends TempFolder {
  write(name: string, content: unknown): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(this.path, name), text);
  }
}

/** Path of a new folder, removed after the test. */
export function folderForTest(): string {
  const folder = new TempFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

/** A busy disk takes minutes for all the packages of the SDK's matrix. */
const REMOVAL_MS = 600_000;

/** Path of a new folder, removed after the suite. */
export function folderForSuite(): string {
  const folder = new TempFolder();
  afterAll(() => folder[Symbol.dispose](), REMOVAL_MS);
  return folder.path;
}
