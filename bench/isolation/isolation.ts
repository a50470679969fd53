import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Clock } from '../../loadgen/clock.ts';
import { describeMachine, formatMachine } from '../../loadgen/machine.ts';
import { builtProgram } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import { ChildServer } from '../contenders/child-server.ts';
import { spreadOf } from '../report/results.ts';
import { ATTACKS } from './attacks.ts';
import { Victim } from './victim.ts';

/**
 * npm run bench -- isolation [--rounds=N] [--seconds=S] [--attacks=A,B] [--SECTION.KEY=VALUE …]
 *
 * Latency of one client's ticks under another client's load, in three alternating windows: alone;
 * while the other client attacks a second server on this machine, at the same cost to the machine;
 * while it attacks the same server.
 */
const SETTLE_MS = 300;
const DEFAULTS = { rounds: 5, seconds: 2 };

interface Measured {
  readonly alone: number[];
  readonly beside: number[];
  readonly attacked: number[];
}

/** Prints the table; returns the exit code. */
export async function runIsolation(argv: readonly string[]): Promise<number> {
  const option = (name: string) =>
    argv.find((flag) => flag.startsWith(`--${name}=`))?.slice(name.length + 3);
  const rounds = Number(option('rounds') ?? DEFAULTS.rounds);
  const seconds = Number(option('seconds') ?? DEFAULTS.seconds);
  const names = option('attacks')?.split(',') ?? Object.keys(ATTACKS);
  const flags = argv.filter((flag) => /^--[a-z]+\.[a-zA-Z]+=/.test(flag));
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print(`${formatMachine(describeMachine())}, load ${loadOf()} before`);
  print(`${rounds} rounds of ${seconds} s; server: ${flags.join(' ') || 'defaults'}`);
  print('');
  print(
    '| attack | p99 alone, ms | beside, ms | attacked, ms | attacked / alone | attacked / beside |',
  );
  print('|---|---|---|---|---|---|');
  let failures = 0;
  for (const name of names) {
    try {
      print(row(name, await measure(name, flags, rounds, seconds)));
    } catch (error) {
      failures++;
      print(`| ${name} | failed: ${(error as Error).message} |`);
    }
  }
  print('');
  print(`load ${loadOf()} after`);
  return failures === 0 ? 0 : 1;
}

const loadOf = () => loadavg()[0]?.toFixed(1) ?? '';

function row(name: string, { alone, beside, attacked }: Measured): string {
  const [a, b, c] = [alone, beside, attacked].map((values) => spreadOf(values)) as [
    ReturnType<typeof spreadOf>,
    ReturnType<typeof spreadOf>,
    ReturnType<typeof spreadOf>,
  ];
  const shown = ({ median, min, max }: ReturnType<typeof spreadOf>) =>
    `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`;
  const title = ATTACKS[name]?.().title ?? name;
  const ratios = [c.median / a.median, c.median / b.median].map((ratio) => ratio.toFixed(2));
  return `| ${title} | ${shown(a)} | ${shown(b)} | ${shown(c)} | ${ratios.join(' | ')} |`;
}

async function measure(
  name: string,
  flags: readonly string[],
  rounds: number,
  seconds: number,
): Promise<Measured> {
  const servers = [await startServer(flags), await startServer(flags)] as const;
  const attackers: ChildProcess[] = [];
  try {
    const victim = new Victim(servers[0].port, new Clock());
    await victim.open();
    for (const { port } of servers) attackers.push(await startAttacker(name, port));
    const [attacker, decoy] = attackers;
    const measured: Measured = { alone: [], beside: [], attacked: [] };
    for (let round = 0; round < rounds; round++) {
      measured.alone.push(await victim.measureP99(seconds));
      measured.beside.push(await during(decoy, () => victim.measureP99(seconds)));
      measured.attacked.push(await during(attacker, () => victim.measureP99(seconds)));
    }
    return measured;
  } finally {
    for (const attacker of attackers) attacker.kill('SIGKILL');
    for (const server of servers) await server.stop();
  }
}

async function during(
  attacker: ChildProcess | undefined,
  work: () => Promise<number>,
): Promise<number> {
  attacker?.send('start');
  try {
    return await work();
  } finally {
    attacker?.send('stop');
    await sleep(SETTLE_MS);
  }
}

function startServer(flags: readonly string[]): Promise<ChildServer> {
  return ChildServer.start({
    command: process.execPath,
    args: (port) => [
      builtProgram('src/main'),
      `--server.port=${port}`,
      '--store.directory=',
      '--log.level=error',
      ...flags,
    ],
    isReady: isServing,
  });
}

async function startAttacker(name: string, port: number): Promise<ChildProcess> {
  const attacker = fork(builtProgram('bench/isolation/attacker-process'), [name, String(port)]);
  const exit = once(attacker, 'exit').then(() => {
    throw new Error('the attacker did not get ready');
  });
  await Promise.race([once(attacker, 'message'), exit]);
  exit.catch(() => undefined);
  return attacker;
}
