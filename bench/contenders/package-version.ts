import { readFileSync } from 'node:fs';

/** The version of an installed package, as `name 1.2.3`; the name alone where it is not installed. */
function packageVersion(name: string): string {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const version = versionIn(new URL(`node_modules/${name}/package.json`, folder));
    if (version !== undefined) return `${name} ${version}`;
    const parent = new URL('..', folder);
    if (parent.href === folder.href) return name;
    folder = parent;
  }
}

/** The versions of packages and of Node, as a contender tells them. */
export function versionsOf(...names: readonly string[]): string {
  return [...names.map(packageVersion), `Node ${process.version}`].join(', ');
}

function versionIn(file: URL): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return undefined;
  }
}
