import { ruleMemoryBytes } from '../../rules/index.ts';
import { placeArenaBytes } from './place-arena.ts';
import { reorderBytes } from './reorder-memory.ts';
import { symbolNamesBytes } from './symbol-names.ts';
import { symbolRecordsBytes } from './symbol-records.ts';
import { tickRingBytes } from './tick-ring.ts';

/** What the sizes of the engine's memory follow from. */
export interface MemorySizes {
  readonly partitions: number;
  readonly symbols: number;
  readonly channelCapacity: number;
  readonly movingAverageWindow: number;
  readonly growBytes: number;
  /** Ticks of a symbol that may wait for earlier ones; undefined: none wait. */
  readonly reorderTicks?: number | undefined;
  /** Whether symbols and windows are copied for snapshots. */
  readonly captures: boolean;
  /** Whether there may be rules. */
  readonly hasRules?: boolean | undefined;
}

interface Part {
  readonly what: string;
  readonly count: number;
  readonly bytes: number;
  /** The configuration behind it. */
  readonly keys: string;
}

/** The parts of the engine's memory that the configuration can make large. */
function partsOf(sizes: MemorySizes): readonly Part[] {
  const { partitions, symbols, channelCapacity, movingAverageWindow, growBytes } = sizes;
  const ofSymbols = `processing.maxSymbols ${symbols}`;
  const ofRecords = `${ofSymbols}, processing.movingAverageWindow ${movingAverageWindow}`;
  const ofPartitions = `processing.partitions ${partitions}`;
  const records = symbolRecordsBytes(symbols, movingAverageWindow);
  const windows = placeArenaBytes(growBytes);
  const ofWindows = `processing.windowBytesMax ${growBytes}, ${ofPartitions}`;
  const ofQueues = `processing.channelCapacity ${channelCapacity}, ${ofPartitions}`;
  const queues = tickRingBytes(channelCapacity);
  const parts: Part[] = [
    { what: 'records of symbols', count: 1, bytes: records, keys: ofRecords },
    { what: 'windows', count: partitions, bytes: windows, keys: ofWindows },
    { what: 'queues', count: partitions, bytes: queues, keys: ofQueues },
    { what: 'names', count: 1, bytes: symbolNamesBytes(symbols), keys: ofSymbols },
  ];
  const states = ruleMemoryBytes(symbols);
  const ofRules = `${ofSymbols}; not without rules.file`;
  if (sizes.hasRules === true) {
    parts.push({ what: 'states of rules', count: 1, bytes: states, keys: ofRules });
  }
  const { reorderTicks } = sizes;
  if (reorderTicks !== undefined) {
    const bytes = reorderBytes(symbols, reorderTicks);
    const keys = `${ofSymbols}, processing.reorderTicks ${reorderTicks}`;
    parts.push({ what: 'buffers of ticks that wait', count: 1, bytes, keys });
  }
  if (!sizes.captures) return parts;
  const keys = 'the same again for snapshots; not without store.directory';
  return [
    ...parts,
    { what: 'copies of records', count: 1, bytes: records, keys },
    { what: 'copies of windows', count: partitions, bytes: windows, keys },
  ];
}

/**
 * Allocates the engine's memory.
 *
 * @throws Error that names each part with its size and the keys to lower, if the system or V8
 *   refuses one
 */
export function allocateMemory<Memory>(sizes: MemorySizes, allocate: () => Memory): Memory {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`cannot allocate shared memory (${error.message}). ${explained(sizes)}`);
  }
}

function explained(sizes: MemorySizes): string {
  const parts = partsOf(sizes);
  const [largest] = parts.toSorted((a, b) => b.bytes - a.bytes) as [Part];
  const listed = parts.map(({ what, count, bytes, keys }) => {
    const times = count === 1 ? '' : `${count} × `;
    return `${what} ${times}${formatBytes(bytes)} (${keys})`;
  });
  const total = parts.reduce((sum, { count, bytes }) => sum + count * bytes, 0);
  return (
    `Lower ${largest.keys}: ${largest.what} take ${formatBytes(largest.bytes)} in one piece, and ` +
    'Linux refuses a piece larger than memory and swap together (unless vm.overcommit_memory is ' +
    `1). In all ${formatBytes(total)} of address space: ${listed.join('; ')}`
  );
}

function formatBytes(bytes: number): string {
  const MIB = 2 ** 20;
  return bytes < 1024 * MIB
    ? `${(bytes / MIB).toFixed(1)} MiB`
    : `${(bytes / MIB / 1024).toFixed(1)} GiB`;
}
