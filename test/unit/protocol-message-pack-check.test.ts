import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { decodeFrame, FRAME_DEPTH_MAX, ProtocolError } from '../../src/protocol/index.ts';
import { validateMessagePack } from '../../src/protocol/message-pack-check.ts';
import { chooseBy, encodeAnyWay, text } from '../../testkit/wide-message-pack.ts';

const MEGABYTE = 2 ** 20;

function faultOf(hex: string): string | undefined {
  return validateMessagePack(Buffer.from(hex.replaceAll(' ', ''), 'hex'), FRAME_DEPTH_MAX);
}

/** An array32 that fills a megabyte with copies of `unit`. */
function repeated(unit: readonly number[]): Uint8Array {
  const count = Math.floor((MEGABYTE - 5) / unit.length);
  const bytes = Buffer.alloc(5 + count * unit.length, Buffer.from(unit));
  bytes[0] = 0xdd;
  bytes.writeUInt32BE(count, 1);
  Buffer.from(unit).copy(bytes, 5);
  for (let i = 1; i < count; i++) bytes.copy(bytes, 5 + i * unit.length, 5, 5 + unit.length);
  return bytes;
}

/** Fastest of three runs, ms: a busy machine slows only some. */
function fastestMs(run: () => void): number {
  const runs = [1, 2, 3].map(() => {
    const before = performance.now();
    run();
    return performance.now() - before;
  });
  return Math.min(...runs);
}

const SAMPLES: readonly unknown[] = [
  [3, 1, [0, 64250.5, 1_700_000_000_001, 'SOL-USD', 98.4, null]],
  [4, 7, ['BTC-USD', 'ETH-*'], { conflateMs: 100, since: { 'BTC-USD': 3 }, stats: false }],
  [6, -5, -200, 40_000, 2 ** 40, 'x'.repeat(40), 'é'.repeat(200), new Uint8Array(300)],
  [22, Array.from({ length: 20 }, (_, index) => index)],
];

describe('a message cut off', () => {
  it('is refused at every byte, in short and in long forms', () => {
    for (const sample of SAMPLES) {
      for (const picks of [[0], [9], [1, 2, 3]]) {
        const bytes = encodeAnyWay(sample, chooseBy(picks));
        expect(validateMessagePack(bytes, FRAME_DEPTH_MAX)).toBeUndefined();
        for (let end = 0; end < bytes.length; end++) {
          expect(validateMessagePack(bytes.subarray(0, end), FRAME_DEPTH_MAX)).toMatch(
            /^cut off at/,
          );
          expect(() => decodeFrame(bytes.subarray(0, end))).toThrow(ProtocolError);
        }
      }
    }
  });

  it('is refused with bytes after its end', () => {
    expect(faultOf('91 06 06')).toBe('1 bytes follow the message');
    expect(faultOf('91 06 91 06')).toBe('2 bytes follow the message');
  });
});

describe('types beyond the protocol', () => {
  it('refuses c1 and every extension type at any position', () => {
    const extensions: string[] = ['c1'];
    for (let type = 0; type < 256; type++) {
      const hex = type.toString(16).padStart(2, '0');
      extensions.push(
        `d4${hex}00`,
        `d5${hex}0000`,
        `d6${hex}00000000`,
        `d7${hex}${'00'.repeat(8)}`,
      );
      extensions.push(`d8${hex}${'00'.repeat(16)}`, `c701${hex}00`, `c80001${hex}00`);
      extensions.push(`c900000001${hex}00`);
    }
    for (const hex of extensions) {
      const fault = `unsupported type 0x${hex.slice(0, 2)}`;
      expect(faultOf(hex)).toBe(`${fault} at byte 0`);
      expect(faultOf(`9206${hex}`)).toBe(`${fault} at byte 2`);
      expect(faultOf(`920681a178${hex}`)).toBe(`${fault} at byte 5`);
    }
  });

  it('refuses a record definition and so never reads a record', () => {
    const record = Buffer.from('9206d4724091a161', 'hex');
    expect(() => decodeFrame(record)).toThrow('unsupported type 0xd4 at byte 2');
    expect(decodeFrame(Buffer.from('920640', 'hex'))).toEqual([6, 0x40]);
  });

  it('refuses timestamps of other libraries', () => {
    expect(validateMessagePack(encode([6, new Date(0)]), FRAME_DEPTH_MAX)).toContain('0xd6');
  });
});

describe('nesting', () => {
  it('counts arrays and maps alike', () => {
    expect(faultOf('91 91 91 90')).toBeUndefined();
    expect(faultOf('91 91 91 91 90')).toBe('nested deeper than 4 levels');
    expect(faultOf('91 81 a161 91 80')).toBeUndefined();
    expect(faultOf('91 81 a161 91 81 a161 80')).toBe('nested deeper than 4 levels');
  });

  it('is refused without recursion, however deep', () => {
    const bytes = Buffer.alloc(MEGABYTE, 0x91);
    expect(validateMessagePack(bytes, FRAME_DEPTH_MAX)).toContain('deeper');
    expect(fastestMs(() => validateMessagePack(bytes, FRAME_DEPTH_MAX))).toBeLessThan(500);
  });
});

describe('text', () => {
  it.each([
    ['a continuation byte alone', '80'],
    ['an overlong nul', 'c080'],
    ['an overlong slash', 'e080af'],
    ['a surrogate', 'eda080'],
    ['beyond U+10FFFF', 'f4908080'],
    ['a sequence cut off', 'e282'],
    ['a byte that never occurs', 'ff'],
    ['a good start and a bad end', '4142c3'],
  ])('that is not UTF-8 is refused: %s', (_name, hex) => {
    for (const form of [0, 1, 2, 3]) {
      const string = text(Buffer.from(hex, 'hex'), () => form);
      const bytes = Buffer.concat([Buffer.of(0x91), string]);
      expect(validateMessagePack(bytes, 4)).toBe(
        `bad UTF-8 in the string at byte ${1 + string.length - hex.length / 2}`,
      );
    }
  });

  it('may be anything that is UTF-8, and binary anything at all', () => {
    for (const good of ['', 'a', 'é', '€', '😀', '\u0000', '\uffff', '\ufeffx', '\u{10ffff}']) {
      expect(
        validateMessagePack(
          encodeAnyWay([good], () => 0),
          4,
        ),
      ).toBeUndefined();
    }
    expect(faultOf('91 c4 04 80c0ffed')).toBeUndefined();
  });
});

describe('hostile sizes', () => {
  it.each(['db', 'dd', 'df', 'c6'])(
    'a declared length of 2^32 - 1 behind %s costs nothing',
    (tag) => {
      const bytes = Buffer.from(`92 06 ${tag} ff ff ff ff 00`.replaceAll(' ', ''), 'hex');
      const ms = fastestMs(() => {
        for (let i = 0; i < 10_000; i++) validateMessagePack(bytes, FRAME_DEPTH_MAX);
      });
      expect(ms).toBeLessThan(1000);
      expect(validateMessagePack(bytes, FRAME_DEPTH_MAX)).toMatch(/^(cut off at|the key at) byte/);
      expect(() => decodeFrame(bytes)).toThrow(ProtocolError);
    },
  );

  it('takes 64 maps and no more', () => {
    const maps = (count: number) => encodeAnyWay([6, Array(count).fill({})], () => 0);
    expect(validateMessagePack(maps(64), FRAME_DEPTH_MAX)).toBeUndefined();
    expect(validateMessagePack(maps(65), FRAME_DEPTH_MAX)).toBe('more than 64 maps');
  });

  it.each([
    ['empty strings', [0xa0]],
    ['short strings', [0xa2, 0xc3, 0xa9]],
    ['empty arrays', [0x90]],
    ['empty maps', [0x80]],
    ['empty binary', [0xc4, 0]],
    ['nils', [0xc0]],
  ])('reads a megabyte of %s in well under a second', (_name, unit) => {
    const bytes = repeated(unit);
    const ms = fastestMs(() => validateMessagePack(bytes, FRAME_DEPTH_MAX));
    expect(ms).toBeLessThan(1000);
  });
});
