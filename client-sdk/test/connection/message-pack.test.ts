import { encode as encodeOther } from '@msgpack/msgpack';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../src/protocol/index.ts';
import { fc } from '../../../testkit/fast-check.ts';
import { plain } from '../../../testkit/independent/protocol.ts';
import {
  decodeServerFrame,
  encodeClientFrame,
  type FrameValue,
  readMessagePack,
  writeMessagePack,
} from '../../src/connection/frame-codec.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

const wellFormed = fc.string({ unit: 'grapheme-composite', maxLength: 40 });
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  // The other libraries write -0 as 0.
  fc.double({ noNaN: true }).map((number) => number + 0),
  wellFormed,
);
/** Values of frames: arrays, and maps with plain keys. */
const { value: frameValue } = fc.letrec<{ value: FrameValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 20 }),
    fc
      // The other library renames this key.
      .uniqueArray(
        wellFormed.filter((key) => key !== '__proto__'),
        { maxLength: 5 },
      )
      .chain((keys) => fc.tuple(...keys.map((key) => fc.tuple(fc.constant(key), tie('value')))))
      .map((entries) => Object.fromEntries(entries) as FrameValue),
  ),
}));

describe('reading MessagePack', () => {
  it('reads what two other libraries write', () => {
    fc.assert(
      fc.property(frameValue, (value) => {
        expect(plain(readMessagePack(encodeOther(value)))).toEqual(value);
        expect(plain(readMessagePack(packr.pack(value)))).toEqual(value);
      }),
    );
  });

  it('reads each width of integers, as numbers', () => {
    const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
    const cases: [string, number][] = [
      ['ccff', 255],
      ['cdffff', 65_535],
      ['ceffffffff', 4_294_967_295],
      ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
      ['d080', -128],
      ['d18000', -32_768],
      ['d280000000', -2_147_483_648],
      ['d3ffe0000000000001', Number.MIN_SAFE_INTEGER],
      ['d30000000000000001', 1],
      ['ca3fc00000', 1.5],
      ['cb8000000000000000', -0],
      ['7f', 127],
      ['e0', -32],
      ['ff', -1],
    ];
    for (const [hex, number] of cases) expect(readMessagePack(bytesOf(hex)), hex).toBe(number);
  });

  it('keeps a byte order mark, and long lengths', () => {
    const texts = ['\uFEFFBOM', 'é'.repeat(20), 'x'.repeat(300), 'x'.repeat(70_000)];
    for (const text of texts) expect(readMessagePack(encodeOther(text))).toBe(text);
    const long = Array.from({ length: 70_000 }, (_, i) => i);
    expect(readMessagePack(encodeOther(long))).toEqual(long);
    expect(readMessagePack(encodeOther(new Uint8Array(300)))).toEqual(new Uint8Array(300));
  });

  it('throws for truncated bytes, trailing bytes, and values outside the protocol', () => {
    fc.assert(
      fc.property(frameValue, fc.nat(), (value, at) => {
        const bytes = encodeOther(value);
        expect(() => readMessagePack(bytes.subarray(0, at % bytes.length))).toThrow();
        expect(() => readMessagePack(Uint8Array.of(...bytes, 0))).toThrow('bytes follow');
      }),
    );
    for (const type of [0xc1, 0xc7, 0xd4, 0xd8]) {
      expect(() => readMessagePack(Uint8Array.of(type, 0, 0, 0))).toThrow(
        'not part of this protocol',
      );
    }
    // A false length costs no memory; invalid UTF-8 is refused.
    expect(() => readMessagePack(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff))).toThrow(RangeError);
    expect(() => readMessagePack(Uint8Array.of(0xa2, 0xc3, 0x28))).toThrow();
  });

  it('terminates with a value or an error for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readMessagePack(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 700 },
    );
    expect(() => readMessagePack(new Uint8Array(1_000_000).fill(0x91))).toThrow(RangeError);
  });
});

describe('writing MessagePack', () => {
  it('is read by another library', () => {
    fc.assert(
      fc.property(frameValue, (value) => {
        expect(unpackr.unpack(writeMessagePack(value))).toEqual(value);
      }),
    );
  });

  it('takes strings, arrays and maps of every length', () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const value = ['x'.repeat(length), Array.from({ length }, () => null)];
      expect(unpackr.unpack(writeMessagePack(value))).toEqual(value);
      const map = Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]));
      expect(unpackr.unpack(writeMessagePack(map))).toEqual(map);
    }
  });

  it('keeps the sign of zero', () => {
    expect(Object.is(unpackr.unpack(writeMessagePack(-0)), -0)).toBe(true);
  });

  it('returns bytes that the next frame does not change', () => {
    const first = writeMessagePack([1, 'a']);
    const copy = Uint8Array.from(first);
    writeMessagePack([2, 'bb']);
    expect(first).toEqual(copy);
  });

  it('replaces lone surrogates', () => {
    const writer = new ByteWriter();
    writer.text('\uD800');
    expect(readMessagePack(writer.view())).toBe('\uFFFD');
  });
});

describe('frames', () => {
  it('round-trip in both encodings', () => {
    const frame = [4, 1, ['BTC'], { conflateMs: 10, since: { BTC: 3 } }] as const;
    const json = encodeClientFrame(frame, 'json');
    expect(decodeServerFrame(json as string)).toEqual(frame);
    const binary = encodeClientFrame(frame, 'binary') as Uint8Array<ArrayBuffer>;
    expect(plain(decodeServerFrame(binary))).toEqual(frame);
    expect(plain(decodeServerFrame(binary.buffer))).toEqual(frame);
  });

  it('are arrays that start with an op', () => {
    for (const value of [null, 1, 'x', {}, [], ['16']]) {
      expect(() => decodeServerFrame(JSON.stringify(value))).toThrow('not a frame');
      expect(() => decodeServerFrame(packr.pack(value))).toThrow('not a frame');
    }
    expect(() => decodeServerFrame('[16')).toThrow(SyntaxError);
  });
});
