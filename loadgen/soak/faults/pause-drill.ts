import { setTimeout as sleep } from 'node:timers/promises';
import { type DrillContext, watchSessions } from '../drill-targets.ts';

const PAUSE_MS_MIN = 1000;
const PAUSE_MS_MAX = 20_000;
/**
 * Clients give up after 2.5 heartbeats of 10 s, of which one may be due when a pause begins: each
 * session outlives a pause of this, with 2 s to spare.
 */
const KEPT_MS = 13_000;
/** One pause of so many is longer than any client waits. */
const LONG_MS = 27_000;
const PAUSES_PER_LONG = 10;
/** And one of so many longer than a minute: than any timer of the server. */
const VERY_LONG_MS = 65_000;
const PAUSES_PER_VERY_LONG = 20;

/**
 * Stops a process by SIGSTOP and has it go on: the server, a publisher or the process of
 * subscribers. Nothing may be lost. A server that was paused for no longer than {@link KEPT_MS}
 * keeps every session: its own standstill is not the silence of its peers.
 *
 * @returns what was paused
 */
export async function pauseProcess(context: DrillContext): Promise<string> {
  const { random } = context;
  const ms = drawPause(context);
  const target = random.pick(['server', 'server', 'publisher', 'subscribers'] as const);
  if (target === 'server') await pauseServer(context, ms);
  else {
    const paused = target === 'publisher' ? random.pick(context.publishers) : context.crowd;
    paused.signal('SIGSTOP');
    await sleep(ms);
    paused.signal('SIGCONT');
  }
  const length = ms > VERY_LONG_MS ? '> 65 s' : ms > LONG_MS ? '> 27 s' : '1 to 20 s';
  return `pause ${target}, ${length}`;
}

/** Pauses the server for longer than clients wait. */
export async function pauseLong(context: DrillContext): Promise<string> {
  await pauseServer(context, LONG_MS + 1);
  return 'pause server, > 27 s';
}

function drawPause({ random, isServerSpared }: DrillContext): number {
  const ms = PAUSE_MS_MIN + random.below(PAUSE_MS_MAX - PAUSE_MS_MIN);
  // What a longer one makes the server keep would be taken for growth.
  if (isServerSpared) return ms;
  if (random.below(PAUSES_PER_VERY_LONG) === 0) return VERY_LONG_MS + ms;
  return random.below(PAUSES_PER_LONG) === 0 ? LONG_MS + ms / 4 : ms;
}

async function pauseServer(context: DrillContext, ms: number): Promise<void> {
  const { server, http, api, violate } = context;
  const reconnected = watchSessions(context);
  http.serverPauses();
  server.signal('SIGSTOP');
  await sleep(ms);
  http.serverPauses();
  server.signal('SIGCONT');
  // Answered after everything that waited while it stood still.
  await api.readiness();
  const names = reconnected();
  if (ms <= KEPT_MS && names.length > 0) {
    violate(`a pause of ${ms} ms made clients connect again: ${names.join(', ')}`);
  }
}
