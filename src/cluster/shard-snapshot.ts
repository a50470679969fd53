import { crc32 } from 'node:zlib';
import type { SavedLives } from '../engine/index.ts';
import type { Bus, Message } from './bus.ts';
import type { RulesEntry } from './log-entries.ts';
import type { ClusterNames } from './names.ts';
import type { FramePlace } from './segments.ts';

/** Chunks of a snapshot at most: messages of one write. */
const CHUNKS_MAX = 900;
const CHUNK_BYTES = 256 * 1024;
/** A newer snapshot may replace one while it is read. */
const ATTEMPTS = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The state of a shard after a message of its log. */
export interface ShardSnapshot {
  /** Sequence of that message. */
  readonly position: number;
  /** The last place taken of each publisher, longest silent first. */
  readonly publishers: readonly (readonly [publisher: string, place: FramePlace])[];
  /** The same of feeds, by symbol and publisher; undefined: none. */
  readonly feeds?: ShardSnapshot['publishers'] | undefined;
  /** The rules in force; undefined: there were none. */
  readonly rules?: RulesEntry | undefined;
  /** Undefined: a version wrote it that retired nothing. */
  readonly lives?: SavedLives | undefined;
  /** For `decodeSymbolStates`. */
  readonly states: Uint8Array;
}

/** What is before the states: JSON. That of older versions is the publishers alone. */
type Head = Pick<ShardSnapshot, 'publishers' | 'feeds' | 'rules' | 'lives'>;

interface Manifest {
  readonly position: number;
  readonly chunks: number;
  /** Bytes of the head. */
  readonly publisherBytes: number;
  readonly check: number;
}

/** A snapshot that is stored, and the sequence of its manifest. */
export interface StoredSnapshot extends ShardSnapshot {
  readonly manifest: number;
}

/**
 * Replaces a shard's snapshot, as one write: chunks, then a manifest.
 *
 * @param replaced sequence of the manifest of the snapshot that it replaces; 0: there is none;
 *   undefined: whatever is there
 * @returns that of its own
 * @throws RangeError if it is too large; Error if the broker does not store it, or has another one
 */
export async function saveSnapshot(
  bus: Bus,
  names: ClusterNames,
  shard: number,
  { position, publishers, feeds, rules, lives, states }: ShardSnapshot,
  replaced?: number,
): Promise<number> {
  const head = encoder.encode(JSON.stringify({ publishers, feeds, rules, lives } satisfies Head));
  const bytes = Buffer.concat([head, states]);
  const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
  if (chunks > CHUNKS_MAX) throw new RangeError(`a snapshot of ${bytes.length} bytes`);
  const messages: Message[] = Array.from({ length: chunks }, (_, chunk) => ({
    subject: names.snapshotChunk(shard, chunk),
    payload: bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES),
  }));
  const manifest: Manifest = {
    position,
    chunks,
    publisherBytes: head.length,
    check: crc32(bytes),
  };
  const payload = encoder.encode(JSON.stringify(manifest));
  const subject = names.snapshot(shard);
  const expected = replaced === undefined ? undefined : { filter: subject, sequence: replaced };
  return bus.appendAll([...messages, { subject, payload }], expected);
}

/**
 * The newest snapshot of a shard.
 *
 * @throws Error if it cannot be read whole
 */
export async function loadSnapshot(
  bus: Bus,
  names: ClusterNames,
  shard: number,
): Promise<StoredSnapshot | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await bus.last(names.snapshotLog, names.snapshot(shard));
    if (found === undefined) return undefined;
    const manifest = JSON.parse(decoder.decode(found.payload)) as Manifest;
    const parts: Uint8Array[] = [];
    for (let chunk = 0; chunk < manifest.chunks; chunk++) {
      const part = await bus.last(names.snapshotLog, names.snapshotChunk(shard, chunk));
      parts.push(part?.payload ?? new Uint8Array(0));
    }
    const bytes = Buffer.concat(parts);
    if (crc32(bytes) !== manifest.check) continue;
    const head = decoder.decode(bytes.subarray(0, manifest.publisherBytes));
    const states = bytes.subarray(manifest.publisherBytes);
    const { position } = manifest;
    return { position, ...readHead(head), states, manifest: found.sequence };
  }
  throw new Error(`the snapshot of shard ${shard} is not whole`);
}

function readHead(text: string): Head {
  const head = JSON.parse(text) as Head | Head['publishers'];
  return 'publishers' in head ? head : { publishers: head };
}
