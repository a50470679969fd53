import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Progress } from './engine/campaign.ts';
import { findFault } from './engine/execution.ts';
import { writeFinding } from './engine/finding.ts';
import { runThread } from './engine/run-thread.ts';
import { type CommandLine, readCommandLine, USAGE } from './options.ts';
import { TARGETS } from './targets/targets.ts';

/** Seeds that are drawn stay short enough to be typed. */
const DRAWN_SEED_MAX = 1_000_000_000;

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function tell(name: string, progress: Progress, seconds: number): void {
  const { executions, corpus, reached, size } = progress;
  console.log(
    `${name}: ${count(executions)} executions, ${count(Math.round(executions / seconds))}/s; ` +
      `corpus ${count(corpus)}; reached ${count(reached)} of ${count(size)} characters of code`,
  );
}

async function fuzzInThread(
  name: string,
  seconds: number,
  seed: number,
  given: CommandLine,
): Promise<number> {
  let findings = 0;
  const start = performance.now();
  const order = { target: name, seed, seconds, executionsMax: given.executionsMax };
  const progress = await runThread(order, (input, fault) => {
    findings++;
    const path = writeFinding(given.folder, name, input);
    console.error(`${name}: FOUND ${fault}`);
    console.error(`  again: npm run fuzz -- --replay ${path}`);
  });
  if (progress !== undefined) tell(name, progress, (performance.now() - start) / 1000);
  return findings;
}

function replay(path: string): number {
  const name = basename(dirname(path));
  const target = TARGETS[name]?.();
  if (target === undefined) throw new Error(`${path}: there is no target "${name}"`);
  const fault = findFault(target, readFileSync(path));
  target.close?.();
  console.log(`${path}: ${fault?.text ?? 'nothing is wrong'}`);
  return fault === undefined ? 0 : 1;
}

function namesOf(target: string | undefined): readonly string[] {
  const names = Object.keys(TARGETS);
  if (target === undefined) return names;
  if (names.includes(target)) return [target];
  throw new Error(`--target: expected one of ${names.join(', ')}; got "${target}"`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const given = readCommandLine(args);
  let findings = 0;
  for (const path of given.replay) findings += replay(path);
  if (given.replay.length > 0) return findings === 0 ? 0 : 1;
  const names = namesOf(given.target);
  const seed = given.seed ?? Math.floor(Math.random() * DRAWN_SEED_MAX);
  const seconds = (given.minutes * 60) / names.length;
  console.log(`seed ${seed}, ${seconds.toFixed(0)} s a target`);
  for (const name of names) findings += await fuzzInThread(name, seconds, seed, given);
  console.log(findings === 0 ? 'nothing was found' : `${findings} findings`);
  return findings === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error(USAGE);
  process.exitCode = 2;
}
