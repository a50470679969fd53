import { CsvSource } from '../../loadgen/csv-source.ts';
import type { FullOptions } from '../load/full-publishing.ts';
import type { Updates } from '../wires/wire.ts';
import { measureFullSpeed } from './full-speed.ts';
import { Trial } from './trial.ts';
import type { Figures, Turn, WorkloadGroup } from './workload.ts';

const PUBLISHERS = 2;
const FRAME_UPDATES = 256;
const TICKS_MAX = 1 << 20;
/**
 * Longer gaps are shortened to this (beyond any statistics window), so that many loops fit into the
 * past.
 */
const GAP_MS_MAX = 10_000;
/** The first loop begins at most this long ago: about ten years. */
const PAST_MS_MAX = 3e11;
/** More than a run has time for. */
const LOOPS_MAX = 100_000;

interface Recording {
  readonly symbols: readonly string[];
  readonly updates: Updates;
  /** Time shift of each loop, ms. */
  readonly spanMs: number;
}

/** Ticks recorded in a file; without a file the workload is unavailable. */
export function recordedWith(file: string | undefined): WorkloadGroup {
  let recording: Promise<Recording> | undefined;
  const measure = async (turn: Turn, path: string) => {
    recording ??= readRecording(path);
    return measureRecorded(turn, await recording);
  };
  return {
    name: 'recorded',
    title: 'Recorded ticks',
    description:
      `${PUBLISHERS} publishers replay a recording in a loop, each time later and with gaps ` +
      `above ${GAP_MS_MAX / 1000} s shortened, as fast as the server accepts it, ` +
      `${FRAME_UPDATES} ticks a frame, without subscribers.`,
    columns: [
      { key: 'cpuPerTick', title: 'CPU µs a tick', digits: 3 },
      { key: 'ticksPerSecond', title: 'ticks/s', digits: 0, isMoreBetter: true },
      { key: 'cores', title: 'cores busy', digits: 2 },
    ],
    ratio: { column: 'cpuPerTick', to: 'inline' },
    workloads: [
      {
        name: 'recorded',
        setting: 'as fast as possible',
        contenders: ['tickwire', 'inline', 'inline-heard-only'],
        isQuick: true,
        ...(file === undefined
          ? { unavailable: 'no recording was given (--ticks FILE, or TICKWIRE_TICKS)' }
          : {}),
        measure: (turn) => measure(turn, file ?? ''),
      },
    ],
  };
}

function measureRecorded(turn: Turn, recording: Recording): Promise<Figures> {
  const { symbols, updates, spanMs } = recording;
  const options = { market: { symbols }, updates, publishers: PUBLISHERS };
  return Trial.run(turn, options, async (trial) => {
    const stamp = laterEachLoop(turn.clock.now(), spanMs);
    return { ...(await measureFullSpeed(trial, { frameUpdates: FRAME_UPDATES, stamp })) };
  });
}

/**
 * Shifts the publishers' times, which count from 0, by one span a loop, starting early enough that
 * none lies in the future.
 */
function laterEachLoop(nowMs: number, spanMs: number): FullOptions['stamp'] {
  const startMs = nowMs - Math.min(PAST_MS_MAX, LOOPS_MAX * spanMs);
  const asRecorded = new Map<Float64Array, Float64Array>();
  return (times, from, to, loop) => {
    const recorded = asRecorded.get(times) ?? times.slice();
    asRecorded.set(times, recorded);
    const shift = startMs + loop * spanMs;
    for (let i = from; i < to; i++) times[i] = (recorded[i] as number) + shift;
  };
}

/** Times from 0 with the recording's gaps, long ones shortened. */
function shortened(recorded: Float64Array): Float64Array {
  const times = new Float64Array(recorded.length);
  for (let i = 1; i < times.length; i++) {
    const gap = (recorded[i] as number) - (recorded[i - 1] as number);
    times[i] = (times[i - 1] as number) + Math.min(GAP_MS_MAX, gap);
  }
  return times;
}

/** @throws CsvError when the file is unreadable or lacks a column */
async function readRecording(file: string): Promise<Recording> {
  const source = new CsvSource({
    file,
    timeColumn: 'time',
    symbolColumn: 'symbol',
    priceColumn: 'price',
    timeUnit: 'ms',
    speed: Number.POSITIVE_INFINITY,
  });
  const parts: Updates[] = [];
  let count = 0;
  while (count < TICKS_MAX) {
    const batch = await source.next();
    if (batch === undefined) break;
    count += batch.count;
    parts.push({
      symbols: Int32Array.from(batch.symbols),
      prices: batch.prices,
      times: batch.times,
    });
  }
  await source.close();
  if (count === 0) throw new Error(`${file}: no ticks in it`);
  const updates = {
    symbols: Int32Array.from(parts.flatMap(({ symbols }) => [...symbols])),
    prices: Float64Array.from(parts.flatMap(({ prices }) => [...prices])),
    times: shortened(Float64Array.from(parts.flatMap(({ times }) => [...times]))),
  };
  const latest = updates.times.reduce((most, time) => Math.max(most, time), 0);
  return { symbols: [...source.symbols], updates, spanMs: latest + 1 };
}
