import { decodeServerFrame } from '../../client-sdk/src/connection/frame-codec.ts';
import { Mirror } from '../../client-sdk/src/subscriber/mirror.ts';
import { mirrorDigest } from '../../client-sdk/src/subscriber/mirror-digest.ts';
import { Op } from '../../src/protocol/index.ts';
import { type Target, Violation } from '../engine/target.ts';
import { serverFrame } from '../generate/frames.ts';
import { collidingIntegers, encodeSomehow, jsonOf } from '../generate/values.ts';

const COLLIDING_KEYS = 12_000;
const NAMES = [0, 'A', 1, 'B', 2, 'C'];

/**
 * What the SDK makes of the frames of a hostile server: decoding, names and entries of its mirror.
 */
export function serverFrames(): Target {
  let colliding: readonly number[] = [];
  return {
    name: 'server-frames',
    covers: [
      'connection/message-pack-reader',
      'connection/frame-codec',
      'subscriber/mirror',
      'subscriber/symbol-statistics',
      'protocol/stats-entry',
    ],
    dictionary: [
      '\x93\x14',
      '\x92\x16',
      '\x7f',
      '\x91',
      '\x81',
      '[20,',
      '[22,',
      '[[',
      '\xdd\xff\xff\xff\xff',
    ],
    seeds: () => [
      Buffer.from('9314009800 7f01020304 0506'.replaceAll(' ', ''), 'hex'),
      Buffer.from('[22,[0,"A"]]'),
    ],
    generate: (random) => {
      if (random.chance(0.0005)) {
        if (colliding.length === 0) colliding = collidingIntegers(COLLIDING_KEYS);
        return encodeSomehow(random, [16, new Map(colliding.map((key) => [key, 0]))]);
      }
      const frame = serverFrame(random);
      return random.chance(0.7) ? encodeSomehow(random, frame) : Buffer.from(jsonOf(frame));
    },
    execute: (bytes) => {
      // JSON arrays begin with a bracket, which as MessagePack is no frame.
      const isJson = bytes[0] === 0x5b;
      const message = isJson ? Buffer.from(bytes).toString('utf8') : bytes;
      const frame = attempt(() => decodeServerFrame(message));
      if (frame !== undefined) show(frame);
    },
  };
}

function show(frame: readonly unknown[]): void {
  const mirror = new Mirror();
  mirror.learnNames(NAMES);
  const [op, first, second] = frame;
  if (op === Op.SYMBOLS && Array.isArray(first)) mirror.learnNames(first);
  if (op === Op.STATS && Array.isArray(second)) attempt(() => mirror.apply(second as number[]));
  const rows = mirror.currentRows();
  mirrorDigest(rows);
  const symbolCount = rows.length;
  if (symbolCount > frame.length + 1e6) throw new Violation(`${symbolCount} symbols`);
}

/** Any Error refuses, but for the ones of a program that is at its end. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Error) || error.message.includes('call stack')) throw error;
    return undefined;
  }
}
