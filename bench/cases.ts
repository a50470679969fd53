import { Counters } from '../src/engine/memory/counters.ts';
import { createEngineMemory, type PartitionMemory } from '../src/engine/memory/engine-memory.ts';
import {
  createTickRing,
  TickColumns,
  TickConsumer,
  TickProducer,
} from '../src/engine/memory/tick-ring.ts';
import { Partition } from '../src/engine/partition.ts';
import {
  ByteWriter,
  deltaMask,
  TickBatch,
  TicksReader,
  VALUES,
  writeEntry,
} from '../src/protocol/index.ts';
import { TickStream } from './tick-stream.ts';

/** One thing to measure: `run` does it `operations` times. */
export interface Case {
  readonly name: string;
  readonly operations: number;
  readonly run: () => void;
}

const RULES = {
  movingAverageWindow: 64,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 1000,
  windowCapacity: 65_536,
};

export function cases(): readonly Case[] {
  return [ringCase(), applyCase(1_000), applyCase(10_000), decodeCase(), encodeCase()];
}

function ringCase(): Case {
  const memory = createTickRing(1024);
  const [{ counters }] = createEngineMemory({
    partitions: 1,
    symbols: 1,
    channelCapacity: 16,
    movingAverageWindow: 1,
  }) as [PartitionMemory];
  const producer = new TickProducer(memory, false);
  const consumer = new TickConsumer(memory, new Counters(counters));
  const columns = new TickColumns(512);
  const run = () => {
    for (let i = 0; i < 512; i++) producer.tryOffer(i, 100, 1, 1);
    producer.publish();
    const count = consumer.poll(columns, 512);
    for (let i = 0; i < count; i++) {
      consumer.begin(i);
      consumer.end();
    }
    consumer.publish();
  };
  return { name: 'ring: offer and poll a tick', operations: 512, run };
}

function applyCase(symbols: number): Case {
  const [memory] = createEngineMemory({
    partitions: 1,
    symbols,
    channelCapacity: 16,
    movingAverageWindow: RULES.movingAverageWindow,
  }) as [PartitionMemory];
  const partition = new Partition(memory, RULES, new Counters(memory.counters), {
    append: () => undefined,
  });
  const stream = new TickStream(1 << 18, symbols, 100);
  const { length } = stream.symbolIds;
  let next = 0;
  const run = () => {
    for (let i = 0; i < 1024; i++) partition.apply(stream, next + i);
    next = (next + 1024) & (length - 1);
    // The stream again, later: time never goes back.
    if (next === 0) for (let i = 0; i < length; i++) (stream.times[i] as number) += length / 100;
  };
  return { name: `partition: apply a tick, ${symbols} symbols`, operations: 1024, run };
}

function decodeCase(): Case {
  const stream = new TickStream(256, 10_000, 100);
  const writer = new ByteWriter();
  writer.arrayHeader(3);
  writer.number(3);
  writer.number(1);
  writer.arrayHeader(3 * 256);
  for (let i = 0; i < 256; i++) {
    writer.number(stream.symbolIds[i] as number);
    writer.number(stream.prices[i] as number);
    writer.float64(stream.times[i] as number);
  }
  const frame = writer.view();
  const reader = new TicksReader(65_536);
  const batch = new TickBatch();
  const run = () => {
    reader.read(frame, batch, 0);
  };
  return { name: 'frame: decode a tick, 256 a frame', operations: 256, run };
}

function encodeCase(): Case {
  const values = new Float64Array(2 * VALUES);
  values.set([100.5, 100.25, 7, 1_700_000_000_000, 99, 101]);
  values.set([100.75, 100.26, 9, 1_700_000_000_120, 99, 101], VALUES);
  const writer = new ByteWriter();
  const run = () => {
    writer.reset();
    for (let i = 0; i < 256; i++) {
      writeEntry(writer, i, deltaMask(values, 0, VALUES), values, 0, VALUES);
    }
  };
  return { name: 'entry: encode a delta', operations: 256, run };
}
