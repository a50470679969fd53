import { readFileSync } from 'node:fs';

/** The version in our package.json, the nearest above this file, built or not. */
export function tickwireVersion(): string {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const manifest = manifestIn(folder);
    if (manifest?.name === 'tickwire') return manifest.version;
    const parent = new URL('..', folder);
    if (parent.href === folder.href) throw new Error('no package.json of tickwire above this file');
    folder = parent;
  }
}

function manifestIn(folder: URL): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  } catch {
    return undefined;
  }
}
