// Finds, for each bug of test/simulation/planted/bugs.json, the first seed with which the
// simulation finds it; writes that file and its table in docs/RELIABILITY.md. Needs a build.
//
// node scripts/planted-bugs.mjs [--jobs N] [TEXT ...]
//
//   TEXT   only bugs whose description contains one of the texts
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';

const at = (path) => new URL(`../${path}`, import.meta.url);
const LIST = at('test/simulation/planted/bugs.json');
const PAGE = at('docs/RELIABILITY.md');
const PLANT = at('scripts/plant.mjs').href;
const MAIN = at('dist/simulation/main.js').pathname;
/** Seeds tried, and how many more by the next process: most bugs are found by the first few. */
const GROUPS = [1, 1, 1, 2, 5, 10, 20, 20, 20, 20];
const FAILED = /^seed (\d+) FAILED at step ([\d,]+): (.*)$/m;

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const bugs = JSON.parse(readFileSync(LIST, 'utf8'));
const wanted = bugs.filter(
  ({ bug }) => positionals.length === 0 || positionals.some((text) => bug.includes(text)),
);

/** What the first seed to fail says; undefined where none does. */
async function firstFailure({ module, find, replace, steps }) {
  const env = { PATH: process.env.PATH, PLANT: JSON.stringify({ module, find, replace }) };
  let seed = 1;
  for (const runs of GROUPS) {
    const flags = ['--seed', `${seed}`, '--runs', `${runs}`, '--steps', `${steps}`];
    seed += runs;
    const run = promisify(execFile)(process.execPath, ['--import', PLANT, MAIN, ...flags], { env });
    const said = await run.then(
      () => '',
      ({ stderr }) => stderr,
    );
    const found = FAILED.exec(said);
    if (found !== null) return found;
    if (said !== '') throw new Error(said);
  }
  return undefined;
}

async function search(bug) {
  const found = await firstFailure(bug);
  const [, seed, step, oracle] = found ?? [];
  // Undefined ones are left out of the file.
  bug.seed = found && Number(seed);
  bug.step = found && Number(step.replaceAll(',', ''));
  bug.oracle = oracle;
  console.log(`${bug.bug}: ${found === undefined ? 'not found' : `seed ${seed}, ${oracle}`}`);
}

/** Digits in groups of three. */
function grouped(number) {
  return String(number).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

function rowOf({ bug, module, seed, step, oracle }) {
  const where = `\`${module.slice(1).replace('.js', '.ts')}\``;
  if (seed === undefined) return `| ${bug} | ${where} | | | not found |`;
  return `| ${bug} | ${where} | ${seed} | ${grouped(step)} | ${oracle} |`;
}

function write() {
  writeFileSync(LIST, `${JSON.stringify(bugs, undefined, 2)}\n`);
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  for (const bug of bugs) {
    const index = lines.findIndex((line) => line.startsWith(`| ${bug.bug} |`));
    if (index < 0) throw new Error(`docs/RELIABILITY.md has no row "${bug.bug}"`);
    lines[index] = rowOf(bug);
  }
  writeFileSync(PAGE, lines.join('\n'));
}

const waiting = [...wanted];
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) await search(bug);
  }),
);
write();
