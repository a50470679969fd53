import { proportionalBytes } from '../../testkit/process-figures.ts';
import type { ContenderKey } from '../contenders/contenders.ts';
import { planSubscriptions } from '../load/subscription-plan.ts';
import { emptyUpdates } from '../load/update-stream.ts';
import type { Updates } from '../wires/wire.ts';
import { startOnly, Trial } from './trial.ts';
import {
  type Figures,
  marketOf,
  type Turn,
  type Workload,
  type WorkloadGroup,
} from './workload.ts';

/** Starts, for the median. */
const STARTS = 5;
const FRAME_UPDATES = 256;
/** Time before memory is read, for lazy garbage collectors. */
const SETTLE_MS = 4000;
const TICKS_PER_SYMBOL = 64;
/** This far apart, a symbol's ticks keep its sliding window small. */
const TICK_EVERY_MS = 1000;
const SYMBOLS = 100_000;
const SESSIONS_SYMBOLS = 1000;
const SEED = 1;
/** Share of sessions opened before memory is read: start-up garbage is reused by then. */
const FIRST_SHARE = 0.2;

const TAKERS: readonly ContenderKey[] = ['tickwire', 'inline'];
const SENDERS: readonly ContenderKey[] = ['tickwire', 'inline', 'ceiling', 'ws', 'nats'];
const LEAST: readonly ContenderKey[] = ['tickwire', 'ceiling'];

export const memory: WorkloadGroup = {
  name: 'memory',
  title: 'Memory and start',
  description:
    'Memory is the proportional set size of the server process (`Pss` of ' +
    '`/proc/PID/smaps_rollup`), read ' +
    `${SETTLE_MS / 1000} s after the load ended, against the same server before it. Symbols have ` +
    `${TICKS_PER_SYMBOL} ticks each, ${TICK_EVERY_MS / 1000} s apart. Sessions subscribe to some ` +
    `of ${SESSIONS_SYMBOLS} symbols that have a price; a fifth of them connect before the first ` +
    'reading, so that start-up garbage is not counted as memory use; bytes a subscription is ' +
    'what such a session takes beyond an idle one.',
  columns: [
    { key: 'startMs', title: 'start to ready, ms', digits: 0 },
    { key: 'emptyMiB', title: 'empty, MiB', digits: 1 },
    { key: 'bytesPerSymbol', title: 'bytes a symbol', digits: 0 },
    { key: 'bytesPerSession', title: 'bytes a session', digits: 0 },
    { key: 'bytesPerSubscription', title: 'bytes a subscription', digits: 0 },
  ],
  workloads: [
    {
      name: 'memory-start',
      setting: `start, median of ${STARTS}`,
      contenders: [...SENDERS, 'mosquitto', 'socket.io'],
      measure: measureStart,
      isQuick: true,
      roundsMax: 1,
    },
    {
      name: 'memory-symbols',
      setting: `${SYMBOLS.toLocaleString('en-US')} symbols`,
      contenders: TAKERS,
      measure: measureSymbols,
      roundsMax: 1,
    },
    sessionsWorkload(5000, 20, SENDERS),
    sessionsWorkload(5000, 200, LEAST),
  ],
};

function sessionsWorkload(
  sessions: number,
  perSession: number,
  contenders: readonly ContenderKey[],
): Workload {
  return {
    name: `memory-sessions-${sessions}x${perSession}`,
    setting: `${sessions.toLocaleString('en-US')} sessions × ${perSession}`,
    contenders,
    measure: (turn) => measureSessions(turn, sessions, perSession),
    roundsMax: 1,
  };
}

async function measureStart({ contender, signal }: Turn): Promise<Figures> {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    signal.throwIfAborted();
    times.push(await startOnly(contender, marketOf(1)));
  }
  times.sort((a, b) => a - b);
  return { startMs: times[STARTS >> 1] as number };
}

function measureSymbols(turn: Turn): Promise<Figures> {
  const options = { market: marketOf(SYMBOLS), updates: everySymbol(SYMBOLS), publishers: 1 };
  return Trial.run(turn, options, async (trial) => {
    const before = await settledBytes(trial);
    const startMs = turn.clock.now() - TICKS_PER_SYMBOL * TICK_EVERY_MS;
    await trial.publishers.publishFully({
      frameUpdates: FRAME_UPDATES,
      loops: TICKS_PER_SYMBOL,
      stamp: (times, from, to, loop) => times.fill(startMs + loop * TICK_EVERY_MS, from, to),
    });
    const after = await settledBytes(trial);
    const processed = await trial.server.processed();
    if (processed !== SYMBOLS * TICKS_PER_SYMBOL) {
      throw new Error(`the server processed ${processed} ticks`);
    }
    return { emptyMiB: before / 2 ** 20, bytesPerSymbol: (after - before) / SYMBOLS };
  });
}

async function measureSessions(turn: Turn, sessions: number, perSession: number): Promise<Figures> {
  const idle = await bytesPerSession(turn, sessions, 0);
  const subscribed = await bytesPerSession(turn, sessions, perSession);
  return { bytesPerSession: idle, bytesPerSubscription: (subscribed - idle) / perSession };
}

function bytesPerSession(turn: Turn, sessions: number, perSession: number): Promise<number> {
  const symbols = SESSIONS_SYMBOLS;
  const options = { market: marketOf(symbols), updates: everySymbol(symbols), publishers: 1 };
  return Trial.run(turn, options, async (trial) => {
    await trial.publishers.publishFully({
      frameUpdates: FRAME_UPDATES,
      loops: 1,
      stamp: (times, from, to) => times.fill(turn.clock.now(), from, to),
    });
    const first = sessions * FIRST_SHARE;
    await trial.subscribe(planSubscriptions({ sessions: first, perSession, symbols, seed: SEED }));
    const before = await settledBytes(trial);
    const rest = sessions - first;
    await trial.subscribe(planSubscriptions({ sessions: rest, perSession, symbols, seed: SEED }));
    return ((await settledBytes(trial)) - before) / rest;
  });
}

async function settledBytes(trial: Trial): Promise<number> {
  await trial.pass(SETTLE_MS);
  return proportionalBytes(trial.server.pid);
}

/** One update a symbol, all at one price. */
function everySymbol(symbols: number): Updates {
  const updates = emptyUpdates(symbols);
  updates.symbols.set(Int32Array.from({ length: symbols }, (_, i) => i));
  updates.prices.fill(100);
  return updates;
}
