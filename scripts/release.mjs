// Makes the files of a release. Needs a build: npm run build.
//
// npm run release -- [FOLDER]   default dist/release
//
//   tickwire-VERSION.tgz          the server, as `npx tickwire` runs it
//   tickwire-client-VERSION.tgz   the client SDK, @tickwire/client
//   tickwire-VERSION.cdx.json     the bill of materials: CycloneDX 1.6
//   SHA256SUMS                    for sha256sum --check
//
// The server's package has a lock file: unpacked, `npm ci --omit=dev` installs the packages that
// package-lock.json names, each with the SHA-512 of its content. The same build always yields the
// same bytes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What an installation reads of package.json. */
const INSTALLED_KEYS = [
  'name',
  'version',
  'description',
  'license',
  'type',
  'engines',
  'bin',
  'dependencies',
  'optionalDependencies',
  // The lock file follows them; where the package is a dependency, npm takes no notice.
  'overrides',
];
/** What the build makes of TypeScript. A module that is gone leaves its file in dist. */
const COMPILED = /^dist\/((?:src|feeds|client-sdk)\/.*)\.js$/;
const SUMS = 'SHA256SUMS';

/** Runs npm, whose notes go to standard error, and reads the JSON that it prints. */
function npmPack(folder, ...flags) {
  // On Windows npm is a script of the shell.
  const shell = process.platform === 'win32';
  const args = ['pack', '--json', '--ignore-scripts', ...flags];
  const text = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell });
  // A list, or in newer versions an object by names.
  return Object.values(JSON.parse(text))[0];
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function writeJson(file, content) {
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}

/** @throws Error if the file was left by a build of older sources */
function checkSource(path) {
  const [, module] = COMPILED.exec(path) ?? [];
  if (module === undefined || existsSync(join(ROOT, `${module}.ts`))) return;
  throw new Error(`${path} has no source: remove dist, then npm run build`);
}

/** The lock file without what only development needs. */
function shippedLock(manifest) {
  const { name, version, lockfileVersion, packages } = readJson(join(ROOT, 'package-lock.json'));
  const { license, engines, bin, dependencies, optionalDependencies } = manifest;
  const own = { name, version, license, dependencies, optionalDependencies, bin, engines };
  const shipped = Object.entries(packages).filter(
    ([path, { dev, link }]) => path.startsWith('node_modules/') && !dev && !link,
  );
  return {
    name,
    version,
    lockfileVersion,
    requires: true,
    packages: { '': own, ...Object.fromEntries(shipped) },
  };
}

/** What npm packs of this folder, by the "files" of package.json, with a lock file. */
function packServer(destination) {
  const staging = mkdtempSync(join(tmpdir(), 'tickwire-release-'));
  try {
    for (const { path } of npmPack(ROOT, '--dry-run').files) {
      checkSource(path);
      mkdirSync(dirname(join(staging, path)), { recursive: true });
      copyFileSync(join(ROOT, path), join(staging, path));
    }
    if (!existsSync(join(staging, 'dist/public/index.html'))) {
      throw new Error('there is no build: npm run build');
    }
    const given = readJson(join(ROOT, 'package.json'));
    const manifest = Object.fromEntries(INSTALLED_KEYS.map((key) => [key, given[key]]));
    writeJson(join(staging, 'package.json'), manifest);
    writeJson(join(staging, 'npm-shrinkwrap.json'), shippedLock(manifest));
    return npmPack(staging, '--pack-destination', destination).filename;
  } finally {
    rmSync(staging, { recursive: true });
  }
}

function writeBillOfMaterials(destination) {
  const { version } = readJson(join(ROOT, 'package.json'));
  const file = `tickwire-${version}.cdx.json`;
  const script = join(ROOT, 'scripts/sbom.mjs');
  const text = execFileSync(process.execPath, [script, '-'], { cwd: ROOT, encoding: 'utf8' });
  writeFileSync(join(destination, file), text);
  return file;
}

const destination = resolve(process.argv[2] ?? join(ROOT, 'dist/release'));
mkdirSync(destination, { recursive: true });
const foreign = readdirSync(destination).filter((file) => !/^tickwire-|^SHA256SUMS$/.test(file));
if (foreign.length > 0) throw new Error(`${destination} has other files: ${foreign.join(', ')}`);
for (const file of readdirSync(destination)) rmSync(join(destination, file));
const files = [
  packServer(destination),
  npmPack(join(ROOT, 'client-sdk'), '--pack-destination', destination).filename,
  writeBillOfMaterials(destination),
];
const sums = files.map((file) => {
  const digest = createHash('sha256').update(readFileSync(join(destination, file)));
  return `${digest.digest('hex')}  ${file}\n`;
});
writeFileSync(join(destination, SUMS), sums.join(''));
console.log([...files, SUMS].map((file) => join(destination, file)).join('\n'));
