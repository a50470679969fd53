// Third-party packages that an installation runs or bundles, as pinned by package-lock.json.
import { readFileSync } from 'node:fs';

/** Development packages that are bundled into what browsers load. */
const BUNDLED = new Map([['uplot', 'dist/public/dashboard.js']]);

/** Licences compatible with the Apache License 2.0. */
export const COMPATIBLE_LICENSES = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
];

const INSTALLED_IN = 'node_modules/';
const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

/** Resolves `name` as required by the package at `from`; undefined if absent. */
function find(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf(INSTALLED_IN))) {
    folder = folder.replace(/\/$/, '');
    const path = `${folder === '' ? '' : `${folder}/`}${INSTALLED_IN}${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === '') return undefined;
  }
}

function read(packages, path) {
  const entry = packages[path];
  const installedAs = path.slice(path.lastIndexOf(INSTALLED_IN) + INSTALLED_IN.length);
  const { name = installedAs, version, license, integrity, optional = false } = entry;
  const where = `${path} in package-lock.json`;
  if (!INTEGRITY.test(integrity)) throw new Error(`${where} has no SHA-512 of its content`);
  if (!COMPATIBLE_LICENSES.includes(license)) {
    throw new Error(`${where} has the licence ${license}, not one of ${COMPATIBLE_LICENSES}`);
  }
  const wanted = { ...entry.dependencies, ...entry.optionalDependencies };
  const dependencies = Object.keys(wanted).map((each) => find(packages, path, each));
  return {
    path,
    name,
    installedAs,
    version,
    license,
    sha512: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'),
    isOptional: optional,
    bundledInto: entry.dev ? BUNDLED.get(name) : undefined,
    dependencies: dependencies.filter((each) => each !== undefined),
  };
}

/**
 * The project itself, and its packages by name and version.
 *
 * @throws Error for a package without a hash or with an incompatible licence
 */
export function shippedPackages(file = new URL('../package-lock.json', import.meta.url)) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  const { name, version, license, dependencies, optionalDependencies } = packages[''];
  const shipped = Object.keys(packages)
    .filter((path) => path !== '' && packages[path].link !== true)
    .filter((path) => !packages[path].dev || BUNDLED.has(nameOf(path)))
    .map((path) => read(packages, path))
    .sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version));
  const direct = Object.keys({ ...dependencies, ...optionalDependencies });
  const own = direct.map((each) => `${INSTALLED_IN}${each}`);
  return { project: { name, version, license, dependencies: own }, shipped };
}

function nameOf(path) {
  return path.slice(INSTALLED_IN.length);
}

/** By code points, independent of the locale. */
function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
