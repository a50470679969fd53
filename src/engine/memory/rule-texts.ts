import { int32s, sharedMemory, uint8s } from '../../threads/shared-memory.ts';

/*
 * Rule files in force, as text, for the workers: two at a time, the one in force and the one that
 * partitions are changing to.
 *
 *   header, 64 bytes: bytes of the text of an even version, of an odd one
 *   texts             TEXT_BYTES_MAX each, UTF-8
 *
 * The gateway writes a version before it tells a partition of it, and only once all partitions have
 * adopted the one before.
 */
const HEADER_BYTES = 64;
/** The largest rule file. */
export const RULE_TEXT_BYTES_MAX = 256 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a version consists of. */
export interface RuleText {
  /** The file. */
  readonly text: string;
  /** Ids of its rules in records, in their order. */
  readonly ids: readonly number[];
}

export function createRuleTexts(): SharedArrayBuffer {
  return sharedMemory(HEADER_BYTES + 2 * placeBytes());
}

/** A text grows as JSON in JSON, and has its ids beside it. */
function placeBytes(): number {
  return 2 * RULE_TEXT_BYTES_MAX + 4096;
}

export function writeRuleText(memory: SharedArrayBuffer, version: number, text: RuleText): void {
  const bytes = encoder.encode(JSON.stringify(text));
  if (bytes.length > placeBytes()) throw new RangeError(`${bytes.length} bytes of rules`);
  uint8s(memory, HEADER_BYTES + (version & 1) * placeBytes()).set(bytes);
  int32s(memory)[version & 1] = bytes.length;
}

export function readRuleText(memory: SharedArrayBuffer, version: number): RuleText {
  const length = int32s(memory)[version & 1] as number;
  const from = HEADER_BYTES + (version & 1) * placeBytes();
  // A decoder takes no shared memory.
  const bytes = uint8s(memory, from, length).slice();
  return JSON.parse(decoder.decode(bytes)) as RuleText;
}
