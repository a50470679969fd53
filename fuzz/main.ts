import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type Progress, writeFinding } from './engine/campaign.ts';
import { findFault } from './engine/execution.ts';
import { runThread } from './engine/run-thread.ts';
import { type CommandLine, readCommandLine, USAGE } from './options.ts';
import { findingText, readFinding } from './sockets/make-script.ts';
import { attack, playAll } from './sockets/socket-campaign.ts';
import { TARGETS } from './targets/targets.ts';

/** Seeds that are drawn stay short enough to be typed. */
const DRAWN_SEED_MAX = 1_000_000_000;
const SOCKET_SHARE = 3;

/** Attacks on a whole server, by the transport that it has. */
const SOCKET_TARGETS: Readonly<Record<string, 'node' | 'uws'>> = {
  'sockets-node': 'node',
  'sockets-uws': 'uws',
};

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

type Campaign = (
  name: string,
  seconds: number,
  seed: number,
  given: CommandLine,
) => Promise<number>;

/** Returns how many faults it found. */
const fuzzInThread: Campaign = async (name, seconds, seed, given) => {
  let findings = 0;
  const start = performance.now();
  const order = { target: name, seed, seconds, executionsMax: given.executionsMax };
  const progress = await runThread(order, (input, fault) => {
    findings++;
    tellFinding(name, fault, writeFinding(given.folder, name, input));
  });
  if (progress !== undefined) tell(name, progress, (performance.now() - start) / 1000);
  return findings;
};

const fuzzSockets: Campaign = async (name, seconds, seed, given) => {
  const transport = SOCKET_TARGETS[name] ?? 'node';
  let findings = 0;
  const start = performance.now();
  const order = { transport, seed, seconds, scriptsMax: given.executionsMax };
  const summary = await attack(order, (finding) => {
    findings++;
    const path = writeFinding(given.folder, name, Buffer.from(findingText(finding)));
    tellFinding(name, finding.fault, path);
  });
  const perSecond = (summary.scripts / (performance.now() - start)) * 1000;
  console.log(
    `${name}: ${count(summary.scripts)} scripts of ${count(summary.peers)} connections, ` +
      `${perSecond.toFixed(1)}/s; the witness: ${count(summary.ticks)} ticks, ` +
      `longest round trip ${summary.longestMs.toFixed(0)} ms ` +
      `(${summary.noisy} longer ones that did not come again)`,
  );
  return findings;
};

function tellFinding(name: string, fault: string, path: string): void {
  console.error(`${name}: FOUND ${fault}`);
  console.error(`  again: npm run fuzz -- --replay ${path}`);
}

async function replay(path: string): Promise<number> {
  const name = basename(dirname(path));
  const fault = name in SOCKET_TARGETS ? await replayScripts(path) : replayInput(name, path);
  console.log(`${path}: ${fault ?? 'nothing is wrong'}`);
  return fault === undefined ? 0 : 1;
}

function replayScripts(path: string): Promise<string | undefined> {
  const { transport, scripts } = readFinding(path);
  return playAll(transport, scripts);
}

function replayInput(name: string, path: string): string | undefined {
  const target = TARGETS[name]?.();
  if (target === undefined) throw new Error(`${path}: there is no target "${name}"`);
  const fault = findFault(target, readFileSync(path));
  target.close?.();
  return fault?.text;
}

function namesOf(target: string | undefined): readonly string[] {
  const names = [...Object.keys(TARGETS), ...Object.keys(SOCKET_TARGETS)];
  if (target === undefined) return names;
  if (names.includes(target)) return [target];
  throw new Error(`--target: expected one of ${names.join(', ')}; got "${target}"`);
}

/** Sockets are slow, and there is much to do with them. */
function shareOf(name: string): number {
  return name in SOCKET_TARGETS ? SOCKET_SHARE : 1;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const given = readCommandLine(args);
  let findings = 0;
  for (const path of given.replay) findings += await replay(path);
  if (given.replay.length > 0) return findings === 0 ? 0 : 1;
  const names = namesOf(given.target);
  const seed = given.seed ?? Math.floor(Math.random() * DRAWN_SEED_MAX);
  const shares = names.reduce((sum, name) => sum + shareOf(name), 0);
  console.log(`seed ${seed}, ${given.minutes} minutes, ${names.length} targets`);
  for (const name of names) {
    const campaign = name in SOCKET_TARGETS ? fuzzSockets : fuzzInThread;
    const seconds = (given.minutes * 60 * shareOf(name)) / shares;
    findings += await campaign(name, seconds, seed, given);
  }
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
