import { findNatsServer, NATS_SOURCE } from '../testkit/nats-server.ts';
import { onInterrupt, runProgram } from './run-program.ts';
import { formatClusterSoak, runClusterSoak } from './soak/cluster-soak.ts';
import { runKillDrill } from './soak/kill-drill.ts';
import { runSoak } from './soak/run-soak.ts';
import { parseSoakFlags, type SoakFlags } from './soak/soak-options.ts';
import { formatSoakReport } from './soak/soak-report.ts';

/*
 * npm run soak -- [flags]
 *
 * The first SIGINT or SIGTERM ends the faults and has everything checked; a second one breaks off.
 * Exit codes: 0 everything held; 1 something did not, or the run broke off; 2 bad usage.
 */

async function main(argv: readonly string[]): Promise<number> {
  const flags = parseSoakFlags(argv);
  const interrupt = new AbortController();
  const progress = (line: string) => {
    process.stderr.write(`${line}\n`);
  };
  onInterrupt(() => {
    progress('ends early: once the present fault is over, everything is checked');
    interrupt.abort();
  });
  progress(`seed ${flags.seed}`);
  try {
    if (flags.drill === 'kill') return await drillKills(flags, interrupt.signal, progress);
    if (flags.drill === 'cluster') return await soakCluster(flags, interrupt.signal, progress);
    const report = await runSoak({ ...flags, signal: interrupt.signal, progress });
    process.stdout.write(`${formatSoakReport(report)}\n`);
    return report.violationCount === 0 ? 0 : 1;
  } catch (error) {
    throw new Error(`seed ${flags.seed}: ${(error as Error).message}`, { cause: error });
  }
}

async function drillKills(
  { seed, rate, kills }: SoakFlags,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<number> {
  const plans = [
    { acknowledge: 'durable', kills },
    { acknowledge: 'accepted', kills: Math.floor(kills / 3) },
  ] as const;
  const violations = await runKillDrill({ seed, rate, signal, plans, progress });
  const verdict = violations.length === 0 ? ['nothing else is missing'] : violations;
  process.stdout.write(`${verdict.join('\n')}\n`);
  return violations.length === 0 ? 0 : 1;
}

async function soakCluster(
  { minutes, seed, rate }: SoakFlags,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<number> {
  const command = await findNatsServer();
  if (command === undefined) throw new Error(`the drill needs ${NATS_SOURCE}`);
  const report = await runClusterSoak({ command, minutes, seed, rate, signal, progress });
  process.stdout.write(`${formatClusterSoak(report, seed)}\n`);
  return report.violationCount === 0 ? 0 : 1;
}

await runProgram(main);
