// Bundles what browsers load, and the client SDK's package. Runs after the compiler: see "build" in
// package.json.
//
//   dist/public/       the dashboard, and the SDK for a script tag: what the server serves
//   client-sdk/dist/   @tickwire/client: modules, the same as CommonJS (cjs/) with the types of
//                      both, the file for script tags (script/)
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, transform } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PUBLIC = join(ROOT, 'dist/public');
const PACKAGE = join(ROOT, 'client-sdk/dist');
const COMMON_JS = join(PACKAGE, 'cjs');
const SCRIPT = join(PACKAGE, 'script');
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

/** Has esbuild write op numbers themselves into a bundle, as it does with enums. */
const inlineOps = {
  name: 'inline-ops',
  setup(builder) {
    builder.onLoad({ filter: /protocol.ops\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(
        /export const Op = \{(.*?)\} as const;\nexport type Op = .*?;/s,
        (_, ops) => `export enum Op {${ops.replaceAll(':', ' =')}}`,
      );
      if (contents === source) throw new Error(`${path}: where are the ops?`);
      return { contents, loader: 'ts' };
    });
  },
};

/**
 * One file loads nothing on demand. For `import()` esbuild would wrap all modules in functions, and
 * keep what none of them uses.
 */
const onDemandAtOnce = {
  name: 'on-demand-at-once',
  setup(builder) {
    builder.onLoad({ filter: /client-sdk.src.subscriber.subscriber\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replaceAll("await import('./on-demand.ts')", 'onDemand');
      if (contents === source) throw new Error(`${path}: what is loaded on demand?`);
      return { contents: `import * as onDemand from './on-demand.ts';${contents}`, loader: 'ts' };
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
  // Minified to 1/0.
  define: { 'Number.POSITIVE_INFINITY': 'Infinity' },
  plugins: [onlyProtocolInUse, inlineOps],
};

/**
 * Names of members that the SDK's files share and nobody else sees. The builds shorten them, which
 * bundlers of pages cannot do. None may be a public name, a key on the wire or in an answer over
 * HTTP, or a member of what the platform has: client-sdk/test/package/internal-names.test.ts.
 */
const INTERNAL_NAMES = JSON.parse(
  await readFile(join(ROOT, 'scripts/internal-names.json'), 'utf8'),
);

const SDK = { ...SHARED, mangleProps: new RegExp(`^(?:${INTERNAL_NAMES.join('|')})$`) };

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
    ...SDK,
    platform: 'browser',
    minify: true,
    plugins: [...SDK.plugins, onDemandAtOnce],
    format: 'iife',
    globalName: 'tickwire',
    // Also where a bundler makes it a module.
    footer: { js: 'globalThis.tickwire=tickwire;' },
    entryPoints: ['client-sdk/src/index.ts'],
    outfile: join(PUBLIC, 'sdk/tickwire.js'),
  });
  await dropComments(join(PUBLIC, 'sdk/tickwire.js.map'));
}

/** Comments that fill lines. The lines stay, so that a map's places do. */
const COMMENT = /^[ \t]*(?:\/\*[\s\S]*?\*\/|\/\/.*)[ \t]*$/gm;

/** Source maps are two thirds of the package, and comments a third of the sources in them. */
async function dropComments(file) {
  const map = JSON.parse(await readFile(file, 'utf8'));
  const blank = (comment) => comment.replace(/[^\n]/g, '');
  map.sourcesContent = map.sourcesContent.map((source) => source.replace(COMMENT, blank));
  await writeFile(file, JSON.stringify(map));
}

/** The package: ES modules, the same as CommonJS, types of both, and the script tag's file. */
async function makePackage() {
  const parts = [bundleModules(), bundleCommonJs(), declarePackage(), copyScriptTag()];
  const made = new Set((await Promise.all(parts)).flat());
  // Leftovers of an earlier build would be published too.
  for (const entry of await readdir(PACKAGE, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !made.has(file)) await rm(file, { force: true });
  }
}

const MODULES = {
  ...SDK,
  platform: 'neutral',
  format: 'esm',
  splitting: true,
  chunkNames: '[name]-[hash]',
  entryPoints: ['client-sdk/src/index.ts', 'client-sdk/src/react.ts'],
};

/** Answers the files made. */
async function bundleModules() {
  const { metafile } = await build({ ...MODULES, outdir: PACKAGE, metafile: true });
  return Object.keys(metafile.outputs).map((file) => join(ROOT, file));
}

/** In CommonJS, `ws` is loaded in another way. */
const wsByRequire = {
  name: 'ws-by-require',
  setup(builder) {
    builder.onResolve({ filter: /\/ws-package\.ts$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace('.ts', '-commonjs.ts')),
    }));
  },
};

/** Bundles as modules and converts each: CommonJS alone is not split. Answers the files made. */
async function bundleCommonJs() {
  const { outputFiles } = await build({
    ...MODULES,
    plugins: [wsByRequire, ...MODULES.plugins],
    inject: ['client-sdk/src/connection/text-coding-commonjs.ts'],
    sourcemap: 'inline',
    outdir: COMMON_JS,
    write: false,
  });
  const made = outputFiles.map(async ({ path, text }) => {
    const options = {
      format: 'cjs',
      platform: 'node',
      target: SHARED.target,
      sourcemap: true,
      // By require: Jest has no import() there.
      supported: { 'dynamic-import': false },
    };
    const { code, map } = await transform(text, { ...options, sourcefile: path });
    const name = `${basename(path)}.map`;
    await writeMade(path, `${code}//# sourceMappingURL=${name}\n`);
    await writeMade(`${path}.map`, map);
    return [path, `${path}.map`];
  });
  return [...(await Promise.all(made)).flat(), await markCommonJs(COMMON_JS)];
}

/** Answers the files made. */
async function declarePackage() {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-p', join(ROOT, 'client-sdk/tsconfig.build.json'), '--listEmittedFiles'];
  let stdout;
  try {
    ({ stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }));
  } catch (error) {
    const faults = error.stdout?.replace(/^TSFILE:.*\n/gm, '') || error;
    throw new Error(`The types of the SDK:\n${faults}`);
  }
  const types = [...stdout.matchAll(/^TSFILE: *(.*)$/gm)].map(([, file]) => resolve(ROOT, file));
  // A type says by its folder which kind of module it describes, and only modules may take the
  // others' types.
  const doors = ['index', 'react'].map((name) =>
    writeMade(
      join(PACKAGE, `types/${name}.d.ts`),
      `export * from '../cjs/types/client-sdk/src/${name}.js';\n`,
    ),
  );
  return [...types, ...(await Promise.all(doors))];
}

/** Answers the files made. */
async function copyScriptTag() {
  await scriptTag;
  const files = ['tickwire.js', 'tickwire.js.map'];
  const copies = files.map(async (file) =>
    writeMade(join(SCRIPT, file), await readFile(join(PUBLIC, 'sdk', file))),
  );
  const types = writeMade(join(SCRIPT, 'tickwire.d.ts'), SCRIPT_TYPES);
  return [...(await Promise.all([...copies, types])), await markCommonJs(SCRIPT)];
}

const SCRIPT_TYPES = `declare global {
  /** What \`@tickwire/client\` exports; defined by the script of this package or a server. */
  var tickwire: typeof import('../cjs/types/client-sdk/src/index.js');
}
export {};
`;

/** Node, bundlers and TypeScript take the files of a folder for CommonJS by its package.json. */
function markCommonJs(folder) {
  return writeMade(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
}

async function writeMade(file, content) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

async function copyPage() {
  await mkdir(PUBLIC, { recursive: true });
  for (const file of ['index.html', 'favicon.svg']) {
    await copyFile(join(ROOT, 'dashboard', file), join(PUBLIC, file));
  }
}

const scriptTag = bundleScriptTag();
const steps = [bundleDashboard(), scriptTag, makePackage(), copyPage()];
for (const step of await Promise.allSettled(steps)) {
  if (step.status === 'fulfilled') continue;
  // esbuild has already printed its errors.
  if (step.reason.errors === undefined) console.error(step.reason.message);
  process.exitCode = 1;
}
