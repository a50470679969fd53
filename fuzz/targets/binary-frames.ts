import { decode } from '@msgpack/msgpack';
import { readMessagePack } from '../../client-sdk/src/connection/frame-codec.ts';
import {
  decodeFrame,
  ProtocolError,
  readPublishRequest,
  readStreamRequest,
} from '../../src/protocol/index.ts';
import type { Target } from '../engine/target.ts';
import { clientFrame } from '../generate/frames.ts';
import { collidingIntegers, encodeSomehow } from '../generate/values.ts';
import { expectSame } from './same.ts';

/** Enough to take seconds where nothing is done about it. */
const COLLIDING_KEYS = 12_000;

/** The general decoder of binary frames and the readers of requests, against two other decoders. */
export function binaryFrames(): Target {
  let colliding: readonly number[] = [];
  return {
    name: 'binary-frames',
    covers: ['protocol/codec', 'protocol/message-pack-check', 'protocol/client-frames'],
    dictionary: ['\x94\x04', '\x84', '\xde\x00', '\xdf', '\xa5since', '\xa6fields', '\xc4', '\xc7'],
    seeds: () => [
      Buffer.from('920600', 'hex'),
      Buffer.from('94040191a14181a573696e636581a14101', 'hex'),
      Buffer.from('95080aa141000a', 'hex'),
      Buffer.from('930200 92a14 1a142'.replaceAll(' ', ''), 'hex'),
    ],
    generate: (random) => {
      if (random.chance(0.0005)) {
        if (colliding.length === 0) colliding = collidingIntegers(COLLIDING_KEYS);
        return encodeSomehow(random, [4, 1, [], new Map(colliding.map((key) => [key, 0]))]);
      }
      return encodeSomehow(random, clientFrame(random, random.pick(['publish', 'stream'])));
    },
    execute: (bytes) => {
      const frame = attempt(() => decodeFrame(bytes));
      if (frame === undefined) return;
      attempt(() => readStreamRequest(frame));
      attempt(() => readPublishRequest(frame));
      expectSame('SDK', readMessagePack(bytes), frame);
      const other = decodeIndependently(bytes);
      if (other !== undefined) expectSame('another decoder', other, plain(frame));
    },
  };
}

/** What a reader of frames returns; undefined where it refuses. */
export function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Undefined where that decoder takes less than the protocol does. */
function decodeIndependently(bytes: Uint8Array): unknown {
  try {
    return plain(decode(bytes));
  } catch (error) {
    if (String(error).includes('__proto__') || String(error).includes('key')) return undefined;
    throw error;
  }
}

/** Maps as lists of entries, in order of their keys: objects have another order than maps. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Buffer.from(value as Uint8Array).toString('hex');
  if (typeof value !== 'object' || value === null) return value;
  const entries =
    value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value);
  return entries
    .map(([key, inner]) => [String(key), plain(inner)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
