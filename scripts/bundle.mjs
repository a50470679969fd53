// Bundles what browsers load, and the client SDK's package. Runs after the compiler: see "build" in
// package.json.
//
//   dist/public/       the dashboard, and the SDK for a script tag: what the server serves
//   client-sdk/dist/   the modules of @tickwire/client and their types
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PUBLIC = join(ROOT, 'dist/public');
const PACKAGE = join(ROOT, 'client-sdk/dist');
const PROTOCOL = join(ROOT, 'src/protocol') + sep;

/**
 * Drops protocol modules that a bundle does not use, with their imports: msgpackr compiles code at
 * run time, which a page's policy forbids.
 */
const onlyProtocolInUse = {
  name: 'only-protocol-in-use',
  setup(builder) {
    builder.onResolve({ filter: /\.ts$|^msgpackr$/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === PROTOCOL) return undefined;
      const resolved = await builder.resolve(path, { ...options, pluginData: PROTOCOL });
      const isPure = path === 'msgpackr' || resolved.path.startsWith(PROTOCOL);
      return isPure ? { ...resolved, sideEffects: false } : resolved;
    });
  },
};

const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  target: 'es2022',
  sourcemap: true,
  logLevel: 'warning',
  legalComments: 'inline',
  external: ['react', 'ws'],
  plugins: [onlyProtocolInUse],
};

const PAGE = { ...SHARED, platform: 'browser', minify: true };

async function bundleDashboard() {
  await build({
    ...PAGE,
    format: 'esm',
    entryPoints: [
      { in: 'dashboard/src/main.ts', out: 'dashboard' },
      { in: 'dashboard/style/dashboard.css', out: 'dashboard' },
    ],
    outdir: PUBLIC,
  });
}

async function bundleScriptTag() {
  await build({
    ...PAGE,
    format: 'iife',
    globalName: 'tickwire',
    entryPoints: ['client-sdk/src/index.ts'],
    outfile: join(PUBLIC, 'sdk/tickwire.js'),
  });
}

async function makePackage() {
  const made = new Set((await Promise.all([bundlePackage(), declarePackage()])).flat());
  // Leftovers of an earlier build would be published too.
  for (const entry of await readdir(PACKAGE, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !made.has(file)) await rm(file, { force: true });
  }
}

/** Answers the files made. */
async function bundlePackage() {
  const { metafile } = await build({
    ...SHARED,
    platform: 'neutral',
    format: 'esm',
    splitting: true,
    chunkNames: '[name]',
    entryPoints: ['client-sdk/src/index.ts', 'client-sdk/src/react.ts'],
    outdir: PACKAGE,
    metafile: true,
  });
  return Object.keys(metafile.outputs).map((file) => join(ROOT, file));
}

/** Answers the files made. */
async function declarePackage() {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-p', join(ROOT, 'client-sdk/tsconfig.build.json'), '--listEmittedFiles'];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    return [...stdout.matchAll(/^TSFILE: *(.*)$/gm)].map(([, file]) => resolve(ROOT, file));
  } catch (error) {
    const faults = error.stdout?.replace(/^TSFILE:.*\n/gm, '') || error;
    throw new Error(`The types of the SDK:\n${faults}`);
  }
}

async function copyPage() {
  await mkdir(PUBLIC, { recursive: true });
  for (const file of ['index.html', 'favicon.svg']) {
    await copyFile(join(ROOT, 'dashboard', file), join(PUBLIC, file));
  }
}

const steps = [bundleDashboard(), bundleScriptTag(), makePackage(), copyPage()];
for (const step of await Promise.allSettled(steps)) {
  if (step.status === 'fulfilled') continue;
  // esbuild has already printed its errors.
  if (step.reason.errors === undefined) console.error(step.reason.message);
  process.exitCode = 1;
}
