import { Random } from '../../../testkit/random.ts';
import type { Case, CaseMaker } from '../case.ts';
import { EngineRig } from '../engine-rig.ts';
import { StreamRig } from '../stream-rig.ts';

const SYMBOLS = 200;
const CHANGED = 20;
/** Distinct states among sessions out of step. */
const CURSORS = 10;

/** Sessions that hardly ever meet: an update is one message each, to another few of them. */
const SPREAD_SESSIONS = 5000;
const SPREAD_SYMBOLS = 4;

/** Whether all sessions were sent the same state before a flush, or one of several. */
type Step = 'in step' | 'out of step';

export const flushCases: readonly CaseMaker[] = [
  flushCase(1, 'in step'),
  flushCase(50, 'in step'),
  flushCase(200, 'in step'),
  flushCase(50, 'out of step'),
  flushCase(200, 'out of step'),
  {
    name: `flush: a message of an entry, to some of ${SPREAD_SESSIONS} sessions`,
    allocatesNothing: false,
    make: makeSpread,
  },
];

function flushCase(sessions: number, step: Step): CaseMaker {
  return {
    name: `flush: an entry, ${sessions} ${sessions === 1 ? 'session' : `sessions ${step}`}`,
    // One view a message, and the engine's own per run.
    allocatesNothing: false,
    make: () => makeFlush(sessions, step),
  };
}

/**
 * From the engine's change to the sockets: every session subscribes to all symbols, some of which
 * changed.
 */
async function makeFlush(sessions: number, step: Step): Promise<Case> {
  const rig = await EngineRig.start(SYMBOLS);
  const stream = new StreamRig(rig);
  rig.change(Int32Array.from(rig.symbols.keys()));
  for (let i = 0; i < sessions; i++) stream.addSession(rig.symbols);
  stream.flush();
  const random = new Random(1);
  const changed = new Int32Array(CHANGED);
  let sent = 0;
  let runs = 0;
  const prepare = () => {
    stream.answerPings();
    changed.set(random.sample(CHANGED, SYMBOLS));
    if (step === 'out of step') spread(rig, stream, changed);
    rig.change(changed);
  };
  const run = () => {
    runs++;
    const before = stream.context.counters.entriesOut;
    stream.context.fanOut.run();
    sent += stream.context.counters.entriesOut - before;
  };
  const finish = async () => {
    await rig.stop();
    const due = runs * sessions * CHANGED;
    if (sent !== due) throw new Error(`${sent} entries sent in ${runs} runs, not ${due}`);
  };
  return { operations: sessions * CHANGED, messages: sessions, prepare, run, finish };
}

/** Spreads sessions over different states: each part in turn gets room and is sent a newer one. */
function spread(rig: EngineRig, stream: StreamRig, symbolIds: Int32Array): void {
  const { sockets } = stream;
  for (let cursor = 0; cursor < CURSORS; cursor++) {
    for (const [i, socket] of sockets.entries()) socket.isOpenForMore = i % CURSORS === cursor;
    rig.change(symbolIds);
    stream.flush();
  }
  for (const socket of sockets) socket.isOpenForMore = true;
}

/** Each session subscribes to some symbols, of which one changes. */
async function makeSpread(): Promise<Case> {
  const rig = await EngineRig.start(SYMBOLS);
  const stream = new StreamRig(rig);
  rig.change(Int32Array.from(rig.symbols.keys()));
  const random = new Random(1);
  for (let i = 0; i < SPREAD_SESSIONS; i++) {
    const chosen = random.sample(SPREAD_SYMBOLS, SYMBOLS);
    stream.addSession(chosen.map((symbolId) => rig.symbols[symbolId] as string));
  }
  stream.flush();
  const { counters, fanOut } = stream.context;
  const changed = new Int32Array(1);
  let runs = 0;
  let sent = 0;
  const prepare = () => {
    stream.answerPings();
    changed[0] = runs % SYMBOLS;
    rig.change(changed);
  };
  const run = () => {
    runs++;
    const before = counters.framesOut;
    fanOut.run();
    sent += counters.framesOut - before;
  };
  const finish = async () => {
    await rig.stop();
    if (sent < runs) throw new Error(`${sent} messages sent in ${runs} runs`);
  };
  // On average, over all symbols.
  const messages = (SPREAD_SESSIONS * SPREAD_SYMBOLS) / SYMBOLS;
  return { operations: messages, messages, prepare, run, finish };
}
