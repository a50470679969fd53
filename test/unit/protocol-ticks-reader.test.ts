import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  ALIAS_MAX,
  decodeFrame,
  ErrorCode,
  encodeFrame,
  isAlias,
  ProtocolError,
  readTicksFrame,
  TickBatch,
  TicksReader,
} from '../../src/protocol/index.ts';
import { batchContent } from '../../testkit/batch-content.ts';
import { text } from '../../testkit/wide-message-pack.ts';

const RECEIPT = 1_700_000_000_000;
const LIMIT = 100;

type Read = ReturnType<typeof batchContent> | string | false;

/** The plain-frame reader's result: a batch, a fault, or false. */
function readFast(bytes: Uint8Array): Read {
  const batch = new TickBatch();
  try {
    return new TicksReader(LIMIT).read(bytes, batch, RECEIPT) && batchContent(batch);
  } catch (error) {
    return faultOf(error);
  }
}

/** The same by the general codec. */
function readGenerally(message: Uint8Array | string): Read {
  const batch = new TickBatch();
  try {
    readTicksFrame(decodeFrame(message), batch, RECEIPT, LIMIT);
  } catch (error) {
    return faultOf(error);
  }
  return batchContent(batch);
}

function faultOf(error: unknown): string {
  if (!(error instanceof ProtocolError)) throw error;
  expect(error).toMatchObject({ code: ErrorCode.bad_frame, requestId: null });
  return error.message;
}

function bothWays(frame: readonly unknown[]): Read {
  const fast = readFast(encode(frame));
  expect(readGenerally(encode(frame))).toEqual(fast);
  return fast;
}

const hexOf = (symbol: string) => Buffer.from(symbol).toString('hex');

describe('a TICKS frame', () => {
  it('gives names, aliases, prices and times in columns', () => {
    expect(bothWays([3, 7, [0, 64250.5, 1.5, 'SOL-USD', 98, null, 300, 1, 2 ** 40]])).toEqual({
      sequence: 7,
      ticks: [
        { name: 0, price: 64250.5, time: 1.5 },
        { name: hexOf('SOL-USD'), price: 98, time: RECEIPT },
        { name: 300, price: 1, time: 2 ** 40 },
      ],
    });
  });

  it('may be empty, with any sequence from 0 to 2^53 - 1', () => {
    expect(bothWays([3, 0, []])).toEqual({ sequence: 0, ticks: [] });
    expect(bothWays([3, 2 ** 53 - 1, []])).toEqual({ sequence: 2 ** 53 - 1, ticks: [] });
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, null, '1', true, new Uint8Array(1)])(
    'with the sequence %s is refused',
    (sequence) => {
      expect(bothWays([3, sequence, []])).toMatch(/^not a TICKS frame: its sequence must be an/);
    },
  );

  it.each([-1, 0.5, ALIAS_MAX + 1, null, true, new Uint8Array(3)])(
    'keeps the place of a tick named by %s, which is nameless',
    (name) => {
      expect(bothWays([3, 1, [name, 1, 2, 'B', 3, 4]])).toEqual({
        sequence: 1,
        ticks: [
          { name: null, price: 1, time: 2 },
          { name: '42', price: 3, time: 4 },
        ],
      });
    },
  );

  it.each(['1', null, true, new Uint8Array(3), Number.NaN])('has NaN for the price %s', (price) => {
    expect(bothWays([3, 1, ['A', price, 2]])).toEqual({
      sequence: 1,
      ticks: [{ name: '41', price: Number.NaN, time: 2 }],
    });
  });

  it.each(['1', false, new Uint8Array(3), Number.NaN])('has NaN for the time %s', (time) => {
    expect(bothWays([3, 1, ['A', 1, time]])).toEqual({
      sequence: 1,
      ticks: [{ name: '41', price: 1, time: Number.NaN }],
    });
  });

  it('has 0 for the time -0', () => {
    expect(bothWays([3, 1, ['A', 1, -0]])).toMatchObject({ ticks: [{ time: 0 }] });
    expect(readGenerally('[3,1,["A",1,-0]]')).toMatchObject({ ticks: [{ time: 0 }] });
  });

  it.each<[unknown[]]>([[[['A'], 1, 2]], [['A', [1], 2]], [['A', 1, {}]], [[{}, 1, 2]]])(
    'with a container inside is refused whole: %j',
    (values) => {
      expect(typeof bothWaysLoosely([3, 1, ['B', 1, 2, ...values]])).toBe('string');
    },
  );

  it.each([1, 2, 4, 299])('of %d values is refused', (length) => {
    expect(bothWays([3, 1, Array(length).fill(1)])).toBe(
      `not a TICKS frame: expected three values a tick, got ${length}`,
    );
  });

  it('may hold as many ticks as the limit says and no more', () => {
    expect(bothWays([3, 1, Array(3 * LIMIT).fill(1)])).toHaveProperty('ticks.length', LIMIT);
    expect(bothWays([3, 1, Array(3 * LIMIT + 3).fill(1)])).toBe(
      'not a TICKS frame: 101 ticks, but at most 100 are allowed',
    );
  });

  it.each([null, 1, 'abc', {}])('with %j for the array is refused', (values) => {
    expect(bothWays([3, 1, values])).toBe('not a TICKS frame: its third element must be an array');
  });
});

/** Like bothWays where fault texts differ. */
function bothWaysLoosely(frame: readonly unknown[]): Read {
  const fast = readFast(encode(frame));
  expect(typeof readGenerally(encode(frame))).toBe(typeof fast);
  return fast;
}

describe('TicksReader', () => {
  it('leaves other frames and unusual shapes to the general codec', () => {
    for (const hex of ['', '93', '9206', '930490', '9403019006', 'dc0003030190', '93cc030190']) {
      expect(readFast(Buffer.from(hex, 'hex'))).toBe(false);
    }
    for (const hex of ['9403019006', 'dc0003030190', '93cc030190', '93cb40080000000000000190']) {
      expect(readGenerally(Buffer.from(hex, 'hex'))).toEqual({ sequence: 1, ticks: [] });
    }
  });

  it('refuses a frame cut off at any byte, and bytes after its end', () => {
    const whole = encode([
      3,
      70_000,
      [0, 64250.5, 1e12, 'SOL', 9, null, -1, 'x', new Uint8Array(9)],
    ]);
    expect(readFast(whole)).toHaveProperty('ticks.length', 3);
    for (let end = 2; end < whole.length; end++) {
      expect(readFast(whole.subarray(0, end))).toBe('not a TICKS frame: it is cut off');
    }
    expect(readFast(Buffer.concat([whole, Buffer.of(0)]))).toBe(
      'not a TICKS frame: 1 bytes follow it',
    );
  });

  it('leaves a symbol that is not UTF-8 to be judged alone', () => {
    const symbol = text(Buffer.from('ff41', 'hex'), () => 0);
    const bytes = Buffer.concat([Buffer.from('93030193', 'hex'), symbol, Buffer.of(1, 2)]);
    expect(readFast(bytes)).toEqual({ sequence: 1, ticks: [{ name: 'ff41', price: 1, time: 2 }] });
  });

  it('reserves nothing for a declared length beyond the frame', () => {
    const batch = new TickBatch();
    const capacity = batch.prices.length;
    const reader = new TicksReader(2 ** 32);
    for (const tag of ['dd', 'dc']) {
      const bytes = Buffer.from(`930301${tag}ffffffff`, 'hex');
      expect(() => reader.read(bytes, batch, RECEIPT)).toThrow('it is cut off');
    }
    expect(batch.prices.length).toBe(capacity);
  });

  it('reads into the same columns again and again', () => {
    const batch = new TickBatch();
    const reader = new TicksReader(LIMIT);
    expect(reader.read(encode([3, 1, ['A', 1, 2, 'B', 3, 4]]), batch, RECEIPT)).toBe(true);
    const { prices } = batch;
    expect(reader.read(encode([3, 2, [5, 6, null]]), batch, RECEIPT)).toBe(true);
    expect(batch.prices).toBe(prices);
    expect(batchContent(batch)).toEqual({
      sequence: 2,
      ticks: [{ name: 5, price: 6, time: RECEIPT }],
    });
  });

  it('reads bytes inside a larger buffer', () => {
    const frame = encode([3, 1, ['A', 1.1, 2]]);
    const larger = Buffer.concat([Buffer.from('93030190'), frame, Buffer.from('ff')]);
    const inside = larger.subarray(larger.length - 2 - frame.length, larger.length - 2);
    expect(readFast(inside)).toEqual(readFast(frame));
  });
});

describe('readTicksFrame', () => {
  it('takes JSON, where a number too great for a double is infinite', () => {
    expect(readGenerally('[3,1,["é",1e999,null,2.0,1,5]]')).toEqual({
      sequence: 1,
      ticks: [
        { name: 'c3a9', price: Number.POSITIVE_INFINITY, time: RECEIPT },
        { name: 2, price: 1, time: 5 },
      ],
    });
  });

  it('makes a lone surrogate a name that is no UTF-8, never another symbol', () => {
    const read = readGenerally('[3,1,["A\\ud800",1,2,"B",3,4]]');
    expect(read).toMatchObject({ ticks: [{ price: 1 }, { name: '42', price: 3 }] });
    const [tick] = (read as ReturnType<typeof batchContent>).ticks;
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    expect(() => utf8.decode(Buffer.from(String(tick?.name), 'hex'))).toThrow(TypeError);
  });

  it('takes long names one after the other, growing its scratch', () => {
    const names = Array.from({ length: 30 }, (_, index) => `${index}${'€'.repeat(2000)}`);
    const read = readGenerally(encodeFrame([3, 1, names.flatMap((name) => [name, 1, 2])], 'json'));
    expect((read as ReturnType<typeof batchContent>).ticks.map(({ name }) => name)).toEqual(
      names.map(hexOf),
    );
  });

  it('caps the length of a name that no symbol could have', () => {
    const batch = new TickBatch();
    const name = 'x'.repeat(70_000);
    readTicksFrame([3, 1, [name, 1, 2]], batch, RECEIPT, LIMIT);
    expect(batch.lengths[0]).toBe(0xffff);
    new TicksReader(LIMIT).read(encode([3, 1, [name, 1, 2]]), batch, RECEIPT);
    expect(batch.lengths[0]).toBe(0xffff);
  });
});

describe('isAlias', () => {
  it('takes integers from 0 to ALIAS_MAX', () => {
    expect([0, 1, ALIAS_MAX].every(isAlias)).toBe(true);
    expect([-1, 0.5, ALIAS_MAX + 1, Number.NaN, '1', null, [1]].some(isAlias)).toBe(false);
  });
});
