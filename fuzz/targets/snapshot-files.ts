import { decodeSymbolStates, SymbolStateError } from '../../src/engine/index.ts';
import { SymbolStateWriter } from '../../src/engine/symbol-state-codec.ts';
import { openSnapshot, SnapshotError, SnapshotWriter } from '../../src/store/snapshot-format.ts';
import { readSnapshotHeader } from '../../src/store/snapshots.ts';
import type { Random } from '../../testkit/random.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyValue } from '../generate/values.ts';
import { ScratchFile } from './scratch-file.ts';
import { sealSnapshot } from './snapshot-seal.ts';

const REFUSED = 'the snapshot was not written by a Tickwire server';

/** A snapshot as a start reads it: file, header, states of the symbols. */
export function snapshotFiles(): Target {
  const file = new ScratchFile('snapshot-1.tws');
  return {
    name: 'snapshot-files',
    covers: [
      'store/snapshot-format',
      'store/snapshots',
      'engine/symbol-state-codec',
      'engine/symbol-state',
    ],
    dictionary: [
      'TWSNAP\r\n',
      '\x01\x00\x00\x00',
      '\x00\x00\x00\x00',
      '{"takenAt":1,"publishers":[["A",1]]}',
      '\xff\xff\xff\xff',
    ],
    seeds: () => [
      snapshotOf({ takenAt: 1, publishers: [['A', 3]] }, [statesOf(2)]),
      snapshotOf(null, []),
      snapshotOf({ takenAt: 1, publishers: [] }, [statesOf(1)], 0xabcdef),
    ],
    generate: (random) => generate(random),
    repair: sealSnapshot,
    execute: (bytes) => {
      file.write(bytes);
      const snapshot = refusable(() => openSnapshot(file.filePath, 1));
      if (snapshot === undefined) return;
      refusable(() => readSnapshotHeader(snapshot.info));
      let read = 0;
      for (const chunk of snapshot.chunks()) {
        read += chunk.length;
        refusable(() => [...decodeSymbolStates(chunk)].forEach(expectPossible));
      }
      if (read > bytes.length) throw new Violation(`read ${read} bytes of ${bytes.length}`);
    },
    close: () => file[Symbol.dispose](),
  };
}

function expectPossible({
  count,
  price,
}: {
  readonly count: number;
  readonly price: number;
}): void {
  if (count > 0 && !(price > 0)) throw new Violation(`a price of ${price}`);
}

function refusable<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    const isRefusal = error instanceof SnapshotError || error instanceof SymbolStateError;
    if (isRefusal || (error instanceof Error && error.message === REFUSED)) return undefined;
    throw error;
  }
}

function generate(random: Random): Uint8Array {
  const info = random.chance(0.8) ? { takenAt: 1, publishers: [['A', 1]] } : anyValue(random, 2);
  const chunks = Array.from({ length: random.below(3) }, () => statesOf(random.between(1, 3)));
  return snapshotOf(info, chunks, random.chance(0.5) ? 0xabcdef : undefined);
}

function snapshotOf(
  info: unknown,
  chunks: readonly Uint8Array[],
  baseChecksum?: number,
): Uint8Array {
  const writer = new SnapshotWriter();
  const parts = [writer.begin(info as string, baseChecksum)];
  for (const chunk of chunks) parts.push(writer.chunk(chunk), Buffer.from(chunk));
  return Buffer.concat([...parts, writer.end()]);
}

function statesOf(count: number): Uint8Array {
  const writer = new SymbolStateWriter();
  for (let i = 1; i <= count; i++) {
    const prices = Float64Array.from({ length: i }, (_, at) => at + 1);
    const places = new Float64Array([10, 1]);
    const row = { count: i, anomalies: 1, price: i, average: i, time: 10, min: 1, max: i };
    const averaging = { window: 4, taken: i, prices };
    writer.append({ symbol: `S${i}`, ...row, averaging, minima: places, maxima: places });
  }
  return writer.take();
}
