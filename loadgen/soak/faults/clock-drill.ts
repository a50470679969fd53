import { setTimeout as sleep } from 'node:timers/promises';
import { type DrillContext, watchSessions } from '../drill-targets.ts';

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** By how much the clock jumps, each both ways; the last is beyond `store.retentionDays`. */
const JUMPS: readonly (readonly [name: string, ms: number])[] = [
  ['30 s', 30 * SECOND_MS],
  ['10 min', 600 * SECOND_MS],
  ['3 h', 3 * HOUR_MS],
  ['31 days', 31 * DAY_MS],
  ['400 days', 400 * DAY_MS],
];
/** A clock that is behind by less refuses nothing: the default of `processing.maxFutureMs`. */
const MAX_FUTURE_MS = 5_000;
const AWRY_MS_MIN = 1000;
const AWRY_MS_MAX = 10_000;
/** One jump of so many lasts longer than the server's timer for retention. */
const JUMPS_PER_LONG = 5;
const LONG_MS = 65_000;
/** One server of so many is also restarted while its clock is ahead. */
const JUMPS_PER_RESTART = 4;
const CATCH_UP_TIMEOUT_MS = 180_000;
const POLL_MS = 20;

/**
 * Has the wall clock of the server jump, and jump back; its monotonic clock and the clocks of all
 * others go on. While it is behind by more than `processing.maxFutureMs` it refuses ticks of now,
 * each by name; nothing else may happen: no session closed, no refusal at other times.
 *
 * @returns the jump
 */
export async function jumpClock(context: DrillContext): Promise<string> {
  const { server, api, random, publishers, http, violate, isServerSpared } = context;
  const [name, jumpMs] = random.pick(JUMPS);
  const isAhead = random.chance(0.5);
  const offsetMs = isAhead ? jumpMs : -jumpMs;
  const isLong = random.below(JUMPS_PER_LONG) === 0;
  const isRestarted = isAhead && !isServerSpared && random.below(JUMPS_PER_RESTART) === 0;
  const awryMs = isLong ? LONG_MS : AWRY_MS_MIN + random.below(AWRY_MS_MAX - AWRY_MS_MIN);
  const reconnected = watchSessions(context);
  const mayRefuse = offsetMs <= -MAX_FUTURE_MS;
  if (mayRefuse) {
    for (const publisher of publishers) publisher.mayRefuse = true;
    http.mayRefuse = true;
  }
  await server.setClock(offsetMs);
  await sleep(awryMs);
  const readiness = await api.readiness();
  if (!readiness.startsWith('200')) violate(`a jump of the clock by ${name}: ${readiness}`);
  if (isRestarted) await context.takeAway('restart');
  await server.setClock(0);
  if (mayRefuse) await refusalsEnd(context);
  const names = reconnected();
  if (!isRestarted && names.length > 0) {
    violate(`a jump of the clock by ${name} made clients connect again: ${names.join(', ')}`);
  }
  return `clock ${isAhead ? '+' : '-'}${name}${isRestarted ? ', restarted meanwhile' : ''}`;
}

/** Resolves once everything that was due while the clock was behind is settled. */
async function refusalsEnd({ publishers, http, violate }: DrillContext): Promise<void> {
  const due = publishers.map((publisher) => publisher.due);
  const deadline = performance.now() + CATCH_UP_TIMEOUT_MS;
  const isBehind = () => publishers.some(({ lineage }, i) => lineage.next <= (due[i] ?? 0));
  while (isBehind() && performance.now() < deadline) await sleep(POLL_MS);
  if (isBehind()) violate('publishers did not catch up after the clock was behind');
  for (const publisher of publishers) publisher.mayRefuse = false;
  http.mayRefuse = false;
}
