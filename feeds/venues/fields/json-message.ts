import type { Venue, VenueEvent } from '../../venue.ts';

/** What one message says. */
export type Events = readonly VenueEvent[];

export const IGNORED: Events = [{ kind: 'ignored' }];
export const HEARTBEAT: Events = [{ kind: 'heartbeat' }];

export function malformed(reason: string): Events {
  return [{ kind: 'malformed', reason }];
}

/** A venue's `parse`, of its reader of JSON and what its values mean. */
export function jsonParser(read: JsonReader, eventsOf: (value: unknown) => Events): Venue['parse'] {
  return (message, out) => {
    const value = read(message);
    const events = value === undefined ? malformed('no JSON') : eventsOf(value);
    for (const event of events) out(event);
  };
}

/** A JSON object of which no field has been checked. */
export interface Fields {
  readonly [name: string]: unknown;
}

/** Reads a message as JSON; undefined if it is none. Never throws. */
export type JsonReader = (message: string | Uint8Array) => unknown;

/** For venues whose ids are texts, or stay below 2^53. */
export const readJson: JsonReader = (message) => parse(textOf(message));

/**
 * A reader that keeps the digits of long ids: integers of 16 digits and more become texts, which
 * `JSON.parse` would round.
 *
 * @param idField the field of the ids, such as `tid`
 */
export function jsonReaderOfLongIds(idField: string): JsonReader {
  const longIds = new RegExp(`("${idField}"\\s*:\\s*)(\\d{16,})(?=\\s*[,}])`, 'g');
  return (message) => parse(textOf(message).replace(longIds, '$1"$2"'));
}

/** The object that a JSON value is; undefined for arrays and all else. */
export function objectOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

/** The texts in an array; none if it is no array. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** What a venue says went wrong, short enough for a log line. */
export function reasonOf(...parts: readonly unknown[]): string {
  const words = parts.filter((part) => typeof part === 'string' || typeof part === 'number');
  return words.join(' ').slice(0, REASON_CHARS_MAX) || 'no reason given';
}

const REASON_CHARS_MAX = 200;

function textOf(message: string | Uint8Array): string {
  if (typeof message === 'string') return message;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
