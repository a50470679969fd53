import type { Retirement } from '../engine/index.ts';

/*
 * What a shard's log has besides ticks: JSON, an entry a message. Owners write these, and any
 * member a retirement; an entry may come twice, and from an owner that was replaced. A message of
 * ticks begins with the version of `segments.ts`, never with a brace.
 */
const BRACE = 0x7b;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A rule file that comes into force. */
export interface RulesEntry {
  /** Of the cluster's files: a greater one is newer. */
  readonly number: number;
  readonly text: string;
  /** When it was taken, and the time of episodes that end thereby, ms since the epoch. */
  readonly since: number;
}

export interface LogEntry {
  /** A reading of the clock, ms since the epoch. */
  readonly clock?: number | undefined;
  readonly rules?: RulesEntry | undefined;
  /** Lives that end here. */
  readonly retire?: readonly Retirement[] | undefined;
}

/** Whether a message has ticks. */
export function isSegments(message: Uint8Array): boolean {
  return message[0] !== BRACE;
}

export function writeEntry(entry: LogEntry): Uint8Array {
  return encoder.encode(JSON.stringify(entry));
}

/** @throws SyntaxError for a message that is none */
export function readEntry(message: Uint8Array): LogEntry {
  return JSON.parse(decoder.decode(message)) as LogEntry;
}
