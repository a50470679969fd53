// Plants one small bug at a time in a copy of the tree and runs the nearest tests: a bug that
// survives reveals a missing test. The bugs are in test/mutants.json; this tree is not touched.
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run mutants -- [options] [TEXT ...]

  TEXT           only bugs whose file or description contains one of the texts
  --jobs N       how many at a time (the processors, 2 at most)
  --no-baseline  skip the run without a bug
  --help         says this`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Each test file once, not on the other transport too. */
const LANES = ['--project=fast', '--project=fast-isolated', '--project=deep'];
/** Longer than any test takes: a bug that hangs them is caught. */
const TIMEOUT_MS = 240_000;

/**
 * The bugs of test/mutants.json, each with its file, its tests, and whether the tests need the
 * pages built.
 */
function readMutants() {
  const groups = JSON.parse(readFileSync(join(ROOT, 'test/mutants.json'), 'utf8'));
  return groups.flatMap(({ mutants, build = false, ...group }) =>
    mutants.map((mutant) => ({ ...group, build, ...mutant })),
  );
}

/** The file's text before and after; undefined unless `find` occurs exactly once. */
function mutatedText({ file, find, replace }) {
  if (!existsSync(join(ROOT, file))) return undefined;
  const original = readFileSync(join(ROOT, file), 'utf8');
  const parts = original.split(find);
  if (parts.length !== 2) return undefined;
  return { original, mutated: parts.join(replace) };
}

/** A copy of the tree for one process at a time. */
class Copy {
  #folder = mkdtempSync(join(tmpdir(), 'tickwire-mutant-'));

  constructor(files) {
    for (const file of files) {
      mkdirSync(join(this.#folder, dirname(file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.#folder, file));
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs tests; returns the first failing one's name, undefined if all pass. */
  async run(tests, build) {
    if (build && (await this.#spawn(['scripts/bundle.mjs'])).code !== 0) return 'the build';
    const vitest = 'node_modules/vitest/vitest.mjs';
    const { code, output } = await this.#spawn([vitest, 'run', ...LANES, '--bail=1', ...tests]);
    if (code === 0) return undefined;
    return /FAIL\s+(.+)/.exec(output)?.[1] ?? (code === null ? 'time ran out' : 'a test file');
  }

  write(file, text) {
    writeFileSync(join(this.#folder, file), text);
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(args) {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, {
        cwd: this.#folder,
        env: { ...process.env, NO_COLOR: '1', CI: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      let output = '';
      const take = (chunk) => {
        output += chunk;
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      // Kills the group: the tests' child processes too.
      const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), TIMEOUT_MS);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, output });
      });
    });
  }
}

function trackedFiles() {
  const listed = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  const deleted = execFileSync('git', ['ls-files', '-z', '-d'], { cwd: ROOT, encoding: 'utf8' });
  const gone = new Set(deleted.split('\0'));
  return listed
    .split('\0')
    .filter((file) => file !== '' && !gone.has(file) && file !== 'node_modules');
}

/** Distributes the items over the copies. */
async function inCopies(copies, items, work) {
  const queue = [...items];
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        await work(copy, item);
      }
    }),
  );
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
        'no-baseline': { type: 'boolean', default: false },
      },
    });
    return { options: values, positionals };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Test files, each once, with whether one of its bugs needs a build. */
function testsOf(mutants) {
  const tests = new Map();
  for (const mutant of mutants) {
    for (const test of mutant.tests) tests.set(test, tests.get(test) || mutant.build);
  }
  return [...tests];
}

const { options, positionals } = readArguments();
if (options.help) {
  console.log(USAGE);
  process.exit();
}
const all = readMutants();
const lost = all.filter((mutant) => mutatedText(mutant) === undefined);
for (const { file, find } of lost) console.log(`not found exactly once in ${file}: ${find}`);
if (lost.length > 0) process.exit(1);

const isWanted = ({ file, bug }) =>
  positionals.length === 0 || positionals.some((text) => `${file} ${bug}`.includes(text));
const mutants = all.filter(isWanted);
const files = trackedFiles();
const copies = Array.from({ length: Number(options.jobs) }, () => new Copy(files));
process.on('SIGINT', () => process.exit(130));
process.on('exit', () => {
  for (const copy of copies) copy.remove();
});

if (!options['no-baseline']) {
  let isGreen = true;
  await inCopies(copies, testsOf(mutants), async (copy, [test, build]) => {
    const failure = await copy.run([test], build);
    if (failure === undefined) return;
    isGreen = false;
    console.log(`fails without any bug: ${failure}`);
  });
  if (!isGreen) process.exit(1);
}

const survivors = [];
await inCopies(copies, mutants, async (copy, mutant) => {
  const { file, bug, tests, build, survives } = mutant;
  const { original, mutated } = mutatedText(mutant);
  const begun = performance.now();
  copy.write(file, mutated);
  const failure = await copy.run(tests, build);
  copy.write(file, original);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  if (failure === undefined) survivors.push(mutant);
  const outcome = failure === undefined ? 'SURVIVED' : 'caught  ';
  const reason = failure === undefined && survives !== undefined ? ` (known: ${survives})` : '';
  console.log(
    `${outcome} ${seconds} s  ${file}: ${bug}${reason}${failure ? `  [${failure}]` : ''}`,
  );
});

const caught = mutants.length - survivors.length;
const share = ((100 * caught) / mutants.length).toFixed(0);
console.log(`${caught} of ${mutants.length} bugs caught, ${share} %`);
for (const { file, bug } of survivors) console.log(`  survived: ${file}: ${bug}`);
process.exitCode = survivors.some(({ survives }) => survives === undefined) ? 1 : 0;
