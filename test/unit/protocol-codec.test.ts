import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  type Encoding,
  ErrorCode,
  encodeFrame,
  encodingOf,
  entriesOf,
  FRAME_DEPTH_MAX,
  type Frame,
  Op,
  ProtocolError,
} from '../../src/protocol/index.ts';
import { numberForms } from '../../testkit/wide-message-pack.ts';

const ENCODINGS: readonly Encoding[] = ['binary', 'json'];

/** `depth` arrays, one in the other. */
function nested(depth: number): unknown[] {
  return depth === 1 ? [Op.PING] : [Op.PING, nested(depth - 1)];
}

function fault(message: Uint8Array | string): ProtocolError {
  try {
    decodeFrame(message);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('the frame was taken');
}

describe('encodingOf', () => {
  it('knows the two subprotocols and no other', () => {
    expect(encodingOf('tickwire.v1')).toBe('binary');
    expect(encodingOf('tickwire.v1.json')).toBe('json');
    for (const other of ['', 'TICKWIRE.V1', 'tickwire.v2', 'bearer.x']) {
      expect(encodingOf(other)).toBeUndefined();
    }
  });
});

describe.each(ENCODINGS)('frames in %s', (encoding) => {
  it.each<[Frame]>([
    [[Op.PING, 1_700_000_000_000.25]],
    [[Op.ALIAS, 0, ['BTC-USD', '日経225', '😀']]],
    [[Op.TICKS, 9_007_199_254_740_991, ['A', 0.1, null]]],
    [[Op.ERROR, null, 1, 'text', false, null]],
    [[Op.HISTORY_PAGE, 1, 'A', [[1, -1, 100, 97, -3, 5]], true]],
  ])('%j comes back', (frame) => {
    expect(decodeFrame(encodeFrame(frame, encoding))).toEqual(frame);
  });

  it('is bytes or text', () => {
    const message = encodeFrame([Op.PING, 1], encoding);
    expect(typeof message === 'string').toBe(encoding === 'json');
  });

  it('gives maps whose entries can be read', () => {
    const frame = decodeFrame(encodeFrame([Op.SUBSCRIBE, 1, [], { stats: true, x: 1 }], encoding));
    expect(entriesOf(frame[3])).toEqual([
      ['stats', true],
      ['x', 1],
    ]);
  });

  it('keeps a message valid when the next one is encoded', () => {
    const first = encodeFrame([Op.PING, 1], encoding);
    const second = encodeFrame([Op.PING, 2], encoding);
    expect(decodeFrame(first)).toEqual([Op.PING, 1]);
    expect(decodeFrame(second)).toEqual([Op.PING, 2]);
  });

  it('may nest as deep as FRAME_DEPTH_MAX and no deeper', () => {
    const deepest = nested(FRAME_DEPTH_MAX) as unknown as Frame;
    expect(decodeFrame(encodeFrame(deepest, encoding))).toEqual(deepest);
    const deeper = encodeFrame(nested(FRAME_DEPTH_MAX + 1) as unknown as Frame, encoding);
    expect(fault(deeper)).toMatchObject({ code: ErrorCode.bad_frame, requestId: null });
    expect(fault(deeper).message).toContain('nested deeper than 4 levels');
  });

  it.each([
    [7, 'a frame is an array [op, ...]'],
    [null, 'a frame is an array [op, ...]'],
    ['text', 'a frame is an array [op, ...]'],
    [{ 0: 6 }, 'a frame is an array [op, ...]'],
    [[], 'a frame starts with its op, an integer'],
    [['6'], 'a frame starts with its op, an integer'],
    [[6.5], 'a frame starts with its op, an integer'],
    [[null], 'a frame starts with its op, an integer'],
    [[[6]], 'a frame starts with its op, an integer'],
  ])('%j is no frame: %s', (value, message) => {
    const bytes = encodeFrame(value as unknown as Frame, encoding);
    expect(fault(bytes)).toMatchObject({ code: ErrorCode.bad_frame, message });
  });

  it('takes "__proto__" for a key like any other', () => {
    const json = '[4,1,[],{"__proto__":{"stats":false},"constructor":1}]';
    const message = encoding === 'json' ? json : Buffer.from(PROTO_HEX, 'hex');
    const options = decodeFrame(message)[3];
    expect(entriesOf(options)?.map(([key]) => key)).toEqual(['__proto__', 'constructor']);
    expect(({} as { stats?: unknown }).stats).toBeUndefined();
  });
});

// [4, 1, [], {"__proto__": {"stats": false}, "constructor": 1}]
const PROTO_HEX = '9404019082a95f5f70726f746f5f5f81a57374617473c2ab636f6e7374727563746f7201';

describe('text messages', () => {
  it.each(['', '[', '[6,]', '[6,NaN]', "['a']", '[6]x', '{'])('%j is not JSON', (text) => {
    expect(fault(text)).toMatchObject({ code: ErrorCode.bad_frame, message: 'not JSON' });
  });

  it('refuses deep nesting without being slow or overflowing the stack', () => {
    const depth = 200_000;
    const before = performance.now();
    expect(fault(`${'['.repeat(depth)}${']'.repeat(depth)}`).code).toBe(ErrorCode.bad_frame);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('binary messages', () => {
  it('never quote their content in a fault', () => {
    const secret = encode([Op.AUTH, 'secret-token', 'x']);
    expect(fault(secret.subarray(0, secret.length - 1)).message).not.toContain('secret');
    expect(fault(Buffer.concat([secret, secret])).message).not.toContain('secret');
  });

  it.each([0, 127, 255, 65_536, 2 ** 32, 1_700_000_000_000, 2 ** 53 - 1, -1, -(2 ** 53) + 1])(
    'hold %d in any integer or float format, read as a number',
    (value) => {
      for (const form of numberForms(value)) {
        expect(decodeFrame(Buffer.concat([Buffer.of(0x92, 6), form]))).toEqual([6, value]);
      }
    },
  );

  it('hold big integers of other libraries, read as numbers', () => {
    const bytes = encode([Op.PING, 1_700_000_000_000n], { useBigInt64: true });
    expect(bytes[2]).toBe(0xcf);
    expect(decodeFrame(bytes)).toEqual([Op.PING, 1_700_000_000_000]);
  });

  it('have maps in their shortest form', () => {
    expect(Buffer.from(encodeFrame([19, 1, [], { a: 1 }], 'binary') as Uint8Array)).toEqual(
      Buffer.from('9413019081a16101', 'hex'),
    );
  });

  it('decode in another library to the same values', () => {
    const frame: Frame = [16, { epoch: 'e', limits: { a: 2 ** 40 }, b: [1, -2, 0.1, null, true] }];
    expect(decode(encodeFrame(frame, 'binary') as Uint8Array)).toEqual(frame);
  });
});

describe('entriesOf', () => {
  it('reads maps and objects, and nothing else', () => {
    expect(entriesOf(new Map<unknown, unknown>([[1, 'a']]))).toEqual([['1', 'a']]);
    expect(entriesOf({ a: 1 })).toEqual([['a', 1]]);
    for (const other of [null, undefined, 1, 'a', true, [1], new Uint8Array(2)]) {
      expect(entriesOf(other)).toBeUndefined();
    }
  });
});
