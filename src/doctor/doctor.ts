import type { Config } from '../config/schema.ts';
import type { Check, Finding } from './finding.ts';
import {
  checkDescriptors,
  checkMemory,
  checkNode,
  checkProcessors,
  checkTransport,
} from './machine-checks.ts';
import { checkExposed, checkPort, checkTls, checkTokens } from './network-checks.ts';
import { checkClock, checkStore } from './store-checks.ts';

const CHECKS: readonly Check[] = [
  checkNode,
  checkTransport,
  checkDescriptors,
  checkProcessors,
  checkMemory,
  checkStore,
  checkClock,
  checkPort,
  checkExposed,
  checkTls,
  checkTokens,
];

/** Examines this machine and the configuration, without starting a server. */
export async function examine(config: Config): Promise<readonly Finding[]> {
  const findings = await Promise.all(CHECKS.map(async (check) => check(config)));
  return findings.flat();
}

const MARKS = { ok: 'ok     ', warning: 'WARNING', fault: 'FAULT  ' } as const;

/** One line a finding, with its remedy on the next. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap(({ verdict, subject, found, remedy }) => [
    `${MARKS[verdict]}  ${subject.padEnd(width)}  ${found}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(width + 11)}-> ${remedy}`]),
  ]);
  const count = (wanted: Finding['verdict']) =>
    findings.filter(({ verdict }) => verdict === wanted).length;
  const [faults, warnings] = [count('fault'), count('warning')];
  return [...lines, '', `${faults} faults, ${warnings} warnings`].join('\n');
}
