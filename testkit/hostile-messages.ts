import { encode } from '@msgpack/msgpack';
import { Op } from './independent/protocol.ts';

const TIME = 1_700_000_000_000;

export type Endpoint = 'publish' | 'stream';

/** A good frame for each op that an endpoint takes. */
export const GOOD_FRAMES: Readonly<Record<Endpoint, readonly (readonly unknown[])[]>> = {
  publish: [
    [Op.AUTH, 'a token'],
    [Op.ALIAS, 0, ['AB', 'CD']],
    [Op.TICKS, 0, ['AB', 1.5, TIME, 0, 3, null, 'ÄÖ', 1e-9, 12.5]],
    [Op.PING, 1.25],
  ],
  stream: [
    [Op.AUTH, 'a token'],
    [
      Op.SUBSCRIBE,
      7,
      ['hostile-AB', 'hostile-*'],
      {
        stats: true,
        anomalies: true,
        conflateMs: 100,
        fields: 63,
        since: { 'hostile-AB': 3 },
      },
    ],
    [Op.UNSUBSCRIBE, 8, ['hostile-*']],
    [Op.PING, 1.25],
    [Op.VERIFY, 9],
    [Op.HISTORY, 10, 'hostile-AB', 0, 100],
    [Op.ALERT_HISTORY, 11, 'hostile-AB', 0, 100],
  ],
};

/** Values that are wrong in most places. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  -1,
  1.5,
  1e300,
  2 ** 32,
  2 ** 53,
  2 ** 64,
  '',
  'x',
  '*',
  '__proto__',
  new Uint8Array([1, 2, 3]),
  [],
  [[]],
  [null, [1], { a: 1 }],
  {},
  { ['__proto__']: { polluted: true }, constructor: 5, length: 3 },
  Array.from({ length: 100 }, () => '*'),
];

function bytes(...values: readonly (number | Uint8Array | readonly number[])[]): Uint8Array {
  return Buffer.concat(
    values.map((value) => Buffer.from(typeof value === 'number' ? [value] : value)),
  );
}

/** Binary messages that are no frame, each with its name. All of them are bad_frame. */
export const UNREADABLE: Readonly<Record<string, Uint8Array>> = {
  'an empty message': bytes(),
  'the byte that means nothing': bytes(0xc1),
  'an array with it': bytes(0x92, Op.PING, 0xc1),
  'a number': bytes(4),
  nil: bytes(0xc0),
  'a string': encode('[4,1,["a"]]'),
  'a map': encode({ 0: 4, 1: 1 }),
  'an empty array': encode([]),
  'an op of nil': encode([null]),
  'an op that is a text': encode(['4', 1, ['a']]),
  'a fractional op': encode([4.5]),
  'an op of NaN': encode([Number.NaN]),
  'an op of infinity': encode([Number.POSITIVE_INFINITY]),
  'bytes after the frame': bytes(encode([Op.PING, 1]), 0),
  'two frames': bytes(encode([Op.PING, 1]), encode([Op.PING, 2])),
  '100 000 arrays in one another': Buffer.alloc(100_000, 0x91),
  'five containers in one another': encode([Op.PING, [[[[1]]]]]),
  'an array of 2^32 - 1': bytes(0xdd, [0xff, 0xff, 0xff, 0xff], 4),
  'a map of 2^32 - 1': bytes(0x92, 4, 0xdf, [0xff, 0xff, 0xff, 0xff]),
  'a string of 2^32 - 1': bytes(0x92, 1, 0xdb, [0xff, 0xff, 0xff, 0xff], 0x61),
  'a binary of 2^32 - 1': bytes(0x92, 1, 0xc6, [0xff, 0xff, 0xff, 0xff], 0x61),
  'a string that is not UTF-8': bytes(0x92, 1, 0xa2, 0xc3, 0x28),
  'half a surrogate pair': bytes(0x92, 1, 0xa3, 0xed, 0xa0, 0x80),
  'an overlong encoding': bytes(0x92, 1, 0xa2, 0xc0, 0xaf),
  'fixext 1': bytes(0x92, 6, 0xd4, 1, 0),
  'fixext 2': bytes(0x92, 6, 0xd5, 1, 0, 0),
  'a timestamp (fixext 4)': bytes(0x92, 6, 0xd6, 0xff, 0, 0, 0, 0),
  'a timestamp (fixext 8)': bytes(0x92, 6, 0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0),
  'fixext 16': bytes(0x92, 6, 0xd8, 1, Buffer.alloc(16)),
  'ext 8': bytes(0x92, 6, 0xc7, 1, 5, 0),
  'ext 16': bytes(0x92, 6, 0xc8, 0, 1, 5, 0),
  'ext 32': bytes(0x92, 6, 0xc9, 0, 0, 0, 1, 5, 0),
  'a record definition': bytes(0xd4, 0x72, 0x40, 0x92, 0xa1, 0x61, 0xa1, 0x62, 4, 1),
  'a record definition in a frame': bytes(0x92, 6, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1),
  'a regular expression': bytes(0x92, 6, 0xc7, 4, 0x78, 0x92, 0xa1, 0x61, 0xa0),
  'a bigint beyond 64 bits': bytes(0x92, 6, 0xc7, 9, 0x42, Buffer.alloc(9, 0x7f)),
  '100 maps': encode([Op.PING, Array.from({ length: 100 }, () => ({}))]),
};

/** Texts that are no JSON frame. All of them are bad_frame. */
export const UNREADABLE_TEXTS: Readonly<Record<string, string>> = {
  'an empty text': '',
  'white space': '  \n ',
  'half a frame': '[6,',
  'a frame and more': '[6,1]x',
  'two frames': '[6,1][6,2]',
  NaN: '[6,NaN]',
  'a number': '6',
  null: 'null',
  'an object': '{"0":6,"length":2}',
  'a text': '"[6,1]"',
  'an op that is a text': '["6",1]',
  'an op beyond the largest double': '[1e999,1]',
  '300 000 arrays in one another': '['.repeat(300_000) + ']'.repeat(300_000),
  'five containers in one another': '[6,[[[[1]]]]]',
};
