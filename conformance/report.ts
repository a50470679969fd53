import type { Outcome } from './run-checks.ts';

const MARKS = { kept: '✓', broken: '✗', 'not supported': '–' } as const;
const PAGE = 'docs/PROTOCOL.md';

/** The address of a heading in the protocol's page. */
export function linkTo(section: string): string {
  return `${PAGE}#${section
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')}`;
}

/** One line of the table, and under it what is wrong. */
export function outcomeLines({ check, verdict, detail, seconds }: Outcome): string {
  const { name, promise, section } = check;
  const time = `${seconds.toFixed(1)} s`.padStart(7);
  const line = `${MARKS[verdict]} ${name.padEnd(26)} ${time}  ${promise}`;
  if (verdict === 'kept') return line;
  const what = verdict === 'broken' ? `broken: ${detail}` : `not supported: ${detail}`;
  return `${line}\n    ${what}\n    ${linkTo(section)}`;
}

/** The last line: how many of each. */
export function summary(outcomes: readonly Outcome[], seconds: number): string {
  const count = (wanted: Outcome['verdict']) =>
    outcomes.filter(({ verdict }) => verdict === wanted).length;
  const counts = `${count('kept')} kept, ${count('broken')} broken`;
  return `${counts}, ${count('not supported')} not supported, in ${seconds.toFixed(0)} s`;
}

/** Everything as JSON. */
export function asJson(outcomes: readonly Outcome[]): string {
  const promises = outcomes.map(({ check, verdict, detail, seconds }) => ({
    name: check.name,
    role: check.role,
    promise: check.promise,
    section: linkTo(check.section),
    verdict,
    ...(detail === undefined ? {} : { detail }),
    seconds: Number(seconds.toFixed(3)),
  }));
  return JSON.stringify({ promises }, undefined, 2);
}
