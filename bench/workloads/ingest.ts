import type { ContenderKey } from '../contenders/contenders.ts';
import { makeUpdates } from '../load/update-stream.ts';
import { measureFullSpeed, processingRate, stampNow } from './full-speed.ts';
import { Trial } from './trial.ts';
import {
  type Figures,
  marketOf,
  type Turn,
  type Workload,
  type WorkloadGroup,
} from './workload.ts';

const PUBLISHERS = 2;
const SEED = 1;

interface IngestSetting {
  readonly ticksPerFrame: number;
  readonly symbols: number;
}

const FRAMES = [1, 10, 256];
const SYMBOLS = [100, 10_000, 100_000];
const QUICK_SYMBOLS = 10_000;
/** Rate of feeds that send each tick at once. */
const SINGLE_RATE = 20_000;

export const ingest: WorkloadGroup = {
  name: 'ingest',
  title: 'Ingest',
  description:
    `${PUBLISHERS} publishers send ticks as fast as the server accepts them, activity by Zipf's ` +
    'law, without subscribers. CPU covers all threads of the server, user and system. *Counter* ' +
    'only counts messages, so it takes part only at one tick a frame. Where a rate is given, the ' +
    'publishers keep to it and write each frame separately.',
  columns: [
    { key: 'cpuPerTick', title: 'CPU µs a tick', digits: 3 },
    { key: 'ticksPerSecond', title: 'ticks/s', digits: 0, isMoreBetter: true },
    { key: 'cores', title: 'cores busy', digits: 2 },
  ],
  ratio: { column: 'cpuPerTick', to: 'inline' },
  workloads: [
    ...FRAMES.flatMap((ticksPerFrame) =>
      SYMBOLS.map((symbols) => ingestWorkload({ ticksPerFrame, symbols })),
    ),
    // Growth: missing from the table above.
    { ...ingestWorkload({ ticksPerFrame: 256, symbols: 1000 }), contenders: ['tickwire'] },
    singleTicksWorkload(QUICK_SYMBOLS, SINGLE_RATE),
  ],
};

function ingestWorkload(setting: IngestSetting): Workload {
  const { ticksPerFrame, symbols } = setting;
  const contenders: ContenderKey[] = ['tickwire', 'inline'];
  if (symbols === QUICK_SYMBOLS) contenders.push('tickwire-stored', 'inline-heard-only');
  if (ticksPerFrame === 1) contenders.push('counter');
  return {
    name: `ingest-${ticksPerFrame}-of-${symbols}`,
    setting: `${ticksPerFrame} a frame, ${symbols.toLocaleString('en-US')} symbols`,
    contenders,
    isQuick: symbols === QUICK_SYMBOLS,
    measure: (turn) => measureIngest(turn, setting),
  };
}

function singleTicksWorkload(symbols: number, rate: number): Workload {
  const count = (value: number) => value.toLocaleString('en-US');
  return {
    name: `ingest-1-of-${symbols}-at-${rate}`,
    setting: `1 a frame, ${count(symbols)} symbols, ${count(rate)}/s`,
    contenders: ['tickwire', 'tickwire-stored', 'inline', 'counter'],
    isQuick: true,
    measure: (turn) => {
      const updates = makeUpdates({ symbols, zipfExponent: 1, seed: SEED });
      const options = { market: marketOf(symbols), updates, publishers: PUBLISHERS };
      return Trial.run(turn, options, async (trial) => {
        trial.publishers.startPaced({ rate, frameUpdates: 1, isEachWritten: true });
        return { ...(await processingRate(trial)) };
      });
    },
  };
}

async function measureIngest(turn: Turn, setting: IngestSetting): Promise<Figures> {
  const { ticksPerFrame: frameUpdates, symbols } = setting;
  const updates = makeUpdates({ symbols, zipfExponent: 1, seed: SEED });
  const options = { market: marketOf(symbols), updates, publishers: PUBLISHERS };
  return Trial.run(turn, options, async (trial) => {
    return { ...(await measureFullSpeed(trial, { frameUpdates, stamp: stampNow(trial) })) };
  });
}
