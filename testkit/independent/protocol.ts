import { decode, encode } from '@msgpack/msgpack';

/*
 * The tables of docs/PROTOCOL.md, and its frames as bytes, for everything that speaks the protocol
 * without the server's code.
 */

export const Op = {
  AUTH: 1,
  ALIAS: 2,
  TICKS: 3,
  SUBSCRIBE: 4,
  UNSUBSCRIBE: 5,
  PING: 6,
  VERIFY: 7,
  HISTORY: 8,
  ALERT_HISTORY: 9,
  WELCOME: 16,
  ACK: 17,
  REJECT: 18,
  SUBSCRIBED: 19,
  STATS: 20,
  ANOMALY: 21,
  SYMBOLS: 22,
  UNSUBSCRIBED: 23,
  HEARTBEAT: 24,
  PONG: 25,
  DIGEST: 26,
  HISTORY_PAGE: 27,
  ALERT: 28,
  RULES: 29,
  ERROR: 30,
  GOAWAY: 31,
  ALERT_PAGE: 32,
  RETIRED: 33,
} as const;

export const Code = {
  bad_frame: 1,
  unknown_op: 2,
  bad_symbol: 3,
  bad_price: 4,
  bad_time: 5,
  unknown_alias: 6,
  symbol_limit: 7,
  subscription_limit: 8,
  rate_limited: 9,
  unauthorized: 10,
  forbidden: 11,
  backpressure: 12,
  sequence_gap: 13,
  not_available: 14,
} as const;

/** The fields of a STATS entry in the order of their bits: 1, 2, 4, 8, 16, 32. */
export const FIELDS = ['price', 'average', 'count', 'time', 'min', 'max'] as const;
export const ALL_FIELDS = 63;
/** The bit of a full entry. */
export const FULL = 64;

export type WireFrame = readonly unknown[];

/** A frame as a message: a JSON text or MessagePack. */
export function encodeMessage(frame: WireFrame, json: boolean): Uint8Array | string {
  return json ? JSON.stringify(frame) : encode(frame);
}

export function decodeMessage(message: Uint8Array | string): unknown[] {
  return (typeof message === 'string' ? JSON.parse(message) : decode(message)) as unknown[];
}

/** A pattern, in which `*` stands for any run of characters, as a regular expression. */
export function patternRegExp(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'su');
}

/** Whether a pattern matches by definition: `*` is nothing, or one more character and `*` again. */
export function isMatch(pattern: readonly string[], symbol: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return symbol.length === 0;
  if (first === '*') {
    return isMatch(rest, symbol) || (symbol.length > 0 && isMatch(pattern, symbol.slice(1)));
  }
  return symbol[0] === first && isMatch(rest, symbol.slice(1));
}

/** FNV-1a by definition. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 2166136261n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 16777619n) % 2n ** 32n;
  return Number(hash);
}

/** A decoded value with maps as plain objects. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]));
}
