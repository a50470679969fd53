import { Op } from '../../src/protocol/index.ts';
import type { Random } from '../../testkit/random.ts';
import { anyNumber, anyText, anyValue } from './values.ts';

const TIME = 1_700_000_000_000;

type FrameMaker = (random: Random) => unknown[];

function patterns(random: Random): string[] {
  return Array.from({ length: random.below(5) }, () => anyText(random));
}

function since(random: Random): Map<string, unknown> {
  return new Map(patterns(random).map((symbol) => [symbol, random.below(10)]));
}

function options(random: Random): Map<string, unknown> {
  const all: (readonly [string, unknown])[] = [
    ['stats', random.chance(0.5)],
    ['anomalies', random.chance(0.5)],
    ['conflateMs', random.below(200)],
    ['fields', random.between(0, 64)],
    ['since', since(random)],
    [anyText(random), anyValue(random, 1)],
  ];
  return new Map(all.filter(() => random.chance(0.5)));
}

/** The next sequence mostly, as a session that counts would have it. */
function sequence(random: Random): unknown {
  return random.chance(0.8) ? random.below(5) : anyNumber(random);
}

function ticks(random: Random): unknown[] {
  return Array.from({ length: random.below(12) }, () => {
    const name = random.chance(0.7) ? anyText(random) : random.below(20);
    const price = random.chance(0.8) ? random.between(1, 999) / 8 : anyNumber(random);
    const time = random.chance(0.3) ? null : TIME + random.below(1000);
    return [name, price, random.chance(0.9) ? time : anyValue(random, 0)];
  }).flat();
}

/** A frame of each op that clients send, in its right shape. */
export const FRAME_MAKERS: Readonly<Record<'publish' | 'stream', readonly FrameMaker[]>> = {
  publish: [
    (random) => [Op.TICKS, sequence(random), ticks(random)],
    (random) => [Op.TICKS, sequence(random), ticks(random)],
    (random) => [Op.ALIAS, random.below(20), patterns(random)],
    (random) => [Op.AUTH, anyText(random)],
    (random) => [Op.PING, anyNumber(random)],
  ],
  stream: [
    (random) => [Op.SUBSCRIBE, random.below(100), patterns(random), options(random)],
    (random) => [Op.SUBSCRIBE, random.below(100), patterns(random), options(random)],
    (random) => [Op.UNSUBSCRIBE, random.below(100), patterns(random)],
    (random) => [Op.VERIFY, random.below(100)],
    (random) => [Op.HISTORY, random.below(100), anyText(random), random.below(9), random.below(9)],
    (random) => [Op.ALERT_HISTORY, random.below(9), anyText(random), random.below(9), 1],
    (random) => [Op.AUTH, anyText(random)],
    (random) => [Op.PING, anyNumber(random)],
  ],
};

/** A frame of a client: right, or with something put in the place of something else. */
export function clientFrame(random: Random, endpoint: 'publish' | 'stream'): unknown[] {
  const frame = random.pick(FRAME_MAKERS[endpoint])(random);
  if (random.chance(0.6)) return frame;
  const at = random.below(frame.length + 1);
  frame[at] = at === 0 ? random.below(34) : anyValue(random, 3);
  return frame;
}

/** A frame of a server: every op that clients are sent, and any values in it. */
export function serverFrame(random: Random): unknown[] {
  const op = random.between(Op.WELCOME, Op.RETIRED);
  const rest = Array.from({ length: random.below(6) }, () => anyValue(random, 3));
  if (op === Op.STATS && random.chance(0.8)) return [op, anyNumber(random), entries(random)];
  if (op === Op.RETIRED && random.chance(0.8)) {
    return [op, Array.from({ length: random.below(6) }, () => random.below(4))];
  }
  if (op === Op.SYMBOLS && random.chance(0.8)) {
    const names = Array.from({ length: random.below(6) }, () => [random.below(4), anyText(random)]);
    return [op, names.flat()];
  }
  return [op, ...rest];
}

function entries(random: Random): unknown[] {
  return Array.from({ length: random.below(4) }, () => {
    const mask = random.pick([127, 127, 1, 7, 63, random.below(256)]);
    const values = Array.from({ length: 6 }, (_, bit) => mask & (1 << bit)).filter(Boolean);
    return [random.below(4), mask, ...values.map(() => anyNumber(random))];
  }).flat();
}
