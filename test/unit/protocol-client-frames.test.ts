import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  ALIAS_MAX,
  decodeFrame,
  ErrorCode,
  type Frame,
  Op,
  ProtocolError,
  type PublishRequest,
  readPublishRequest,
  readStreamRequest,
  type StreamRequest,
} from '../../src/protocol/index.ts';

type Outcome = StreamRequest | PublishRequest | ProtocolError;

function outcome(read: () => Outcome): Outcome {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** Reads a frame in either encoding and expects equal results. */
function onBoth(read: (frame: Frame) => Outcome, frame: readonly unknown[]): Outcome {
  const fromJson = outcome(() => read(decodeFrame(JSON.stringify(frame))));
  const fromBinary = outcome(() => read(decodeFrame(encode(frame))));
  expect(fromBinary).toEqual(fromJson);
  return fromBinary;
}

const stream = (frame: readonly unknown[]) => onBoth(readStreamRequest, frame);
const publish = (frame: readonly unknown[]) => onBoth(readPublishRequest, frame);

/** What only MessagePack can say. */
const binary = (frame: readonly unknown[]) =>
  outcome(() => readStreamRequest(decodeFrame(encode(frame))));

describe('readStreamRequest', () => {
  it('reads every op of a subscriber', () => {
    expect(stream([1, 'token'])).toEqual({ op: Op.AUTH, token: 'token' });
    expect(stream([6, 12.5])).toEqual({ op: Op.PING, clientTime: 12.5 });
    expect(stream([7, -3])).toEqual({ op: Op.VERIFY, requestId: -3 });
    expect(stream([5, 1, ['A', '*']])).toEqual({
      op: Op.UNSUBSCRIBE,
      requestId: 1,
      patterns: ['A', '*'],
    });
    expect(stream([8, 2 ** 53 - 1, 'A', 0, 100])).toEqual({
      op: Op.HISTORY,
      requestId: 2 ** 53 - 1,
      symbol: 'A',
      afterSequence: 0,
      limit: 100,
    });
  });

  it('reads the options that were given and no others', () => {
    const options = {
      stats: false,
      anomalies: true,
      conflateMs: 99.5,
      fields: 1,
      since: { 'BTC-USD': 3, 'ETH-USD': 0 },
      unknown: [1, 2],
    };
    expect(stream([4, 9, ['A'], options])).toEqual({
      op: Op.SUBSCRIBE,
      requestId: 9,
      patterns: ['A'],
      options: {
        stats: false,
        anomalies: true,
        conflateMs: 99.5,
        fields: 1,
        since: new Map([
          ['BTC-USD', 3],
          ['ETH-USD', 0],
        ]),
      },
    });
  });

  it.each([[[4, 1, []]], [[4, 1, [], null]], [[4, 1, [], {}]], [[4, 1, [], { fields: null }]]])(
    'takes %j for a SUBSCRIBE without options',
    (frame) => {
      expect(stream(frame)).toEqual({ op: Op.SUBSCRIBE, requestId: 1, patterns: [], options: {} });
    },
  );

  it('ignores trailing elements', () => {
    expect(stream([7, 1, 'more', [1]])).toEqual({ op: Op.VERIFY, requestId: 1 });
  });

  it('never lets a key reach a prototype', () => {
    const json = '[4,1,[],{"__proto__":{"stats":false},"since":{"__proto__":5,"constructor":6}}]';
    const request = readStreamRequest(decodeFrame(json));
    expect(request).toMatchObject({
      options: {
        since: new Map([
          ['__proto__', 5],
          ['constructor', 6],
        ]),
      },
    });
    expect(Object.keys((request as { options: object }).options)).toEqual(['since']);
    expect(({} as { stats?: unknown }).stats).toBeUndefined();
  });

  it.each<[unknown[], number | null, string]>([
    [[1], null, 'token: expected a string, got nothing'],
    [[1, 5], null, 'token: expected a string, got 5'],
    [[6], null, 'clientTime: expected a finite number, got nothing'],
    [[6, 'x'], null, 'clientTime: expected a finite number, got a string'],
    [[7], null, 'requestId: expected an integer'],
    [[7, 1.5], null, 'requestId: expected an integer'],
    [[7, '1'], null, 'requestId: expected an integer'],
    [[7, null], null, 'got nil'],
    [[7, 2 ** 53], null, 'got 9007199254740992'],
    [[4], null, 'requestId: expected an integer'],
    [[4, 1], 1, 'patterns: expected an array of strings, got nothing'],
    [[4, 1, 'A'], 1, 'patterns: expected an array of strings, got a string'],
    [[4, 1, ['A', 5]], 1, 'patterns[1]: expected a string, got 5'],
    [[4, 1, [['A']]], 1, 'patterns[0]: expected a string, got an array'],
    [[4, -7, [], []], -7, 'options: expected a map, got an array'],
    [[4, 1, [], 'x'], 1, 'options: expected a map, got a string'],
    [[4, 1, [], { stats: 1 }], 1, 'options.stats: expected a boolean, got 1'],
    [[4, 1, [], { anomalies: 'no' }], 1, 'options.anomalies: expected a boolean, got a string'],
    [[4, 1, [], { conflateMs: -1 }], 1, 'options.conflateMs: expected a number of ms'],
    [[4, 1, [], { conflateMs: '5' }], 1, 'options.conflateMs: expected a number of ms'],
    [[4, 1, [], { fields: 0 }], 1, 'options.fields: expected an integer from 1 to 63, got 0'],
    [[4, 1, [], { fields: 64 }], 1, 'options.fields: expected an integer from 1 to 63, got 64'],
    [[4, 1, [], { fields: 1.5 }], 1, 'options.fields: expected an integer from 1 to 63, got 1.5'],
    [[4, 1, [], { since: 5 }], 1, 'options.since: expected a map, got 5'],
    [[4, 1, [], { since: { A: -1 } }], 1, 'options.since values: expected integers from 0, got -1'],
    [[4, 1, [], { since: { A: {} } }], 1, 'options.since values: expected integers from 0, got a'],
    [[5, 3, [null]], 3, 'patterns[0]: expected a string, got nil'],
    [[5, 'x', []], null, 'requestId: expected an integer'],
    [[8, 1], 1, 'symbol: expected a string, got nothing'],
    [[8, 1, 'A', -1, 1], 1, 'afterSequence: expected an integer from 0 to'],
    [[8, 1, 'A', 0, 0], 1, 'limit: expected an integer from 1 to'],
    [[8, 1, 'A', 0, true], 1, 'limit: expected an integer from 1 to 9007199254740991, got a bool'],
  ])('answers %j with bad_frame to request %j: %s', (frame, requestId, message) => {
    const error = stream(frame);
    expect(error).toMatchObject({ name: 'ProtocolError', code: ErrorCode.bad_frame, requestId });
    expect((error as ProtocolError).message).toContain(message);
  });

  it('says what came where only MessagePack can say it', () => {
    expect(binary([4, 1, [new Uint8Array(2)]])).toMatchObject({
      requestId: 1,
      message: 'patterns[0]: expected a string, got binary',
    });
    expect(binary([4, 1, [], new Uint8Array(2)])).toMatchObject({
      requestId: 1,
      message: 'options: expected a map, got binary',
    });
    expect(binary([6, Number.NaN])).toMatchObject({ code: ErrorCode.bad_frame });
    expect(binary([4, 1, [], { conflateMs: Number.POSITIVE_INFINITY }])).toMatchObject({
      code: ErrorCode.bad_frame,
    });
  });

  it.each<[number[], number | null]>([
    [[2, 0], 0],
    [[3, 5], 5],
    [[10, 4], 4],
    [[0], null],
    [[16, 1.5], null],
    [[-1, 2 ** 60], null],
  ])('does not know the op of %j', (frame, requestId) => {
    expect(stream(frame)).toMatchObject({
      code: ErrorCode.unknown_op,
      message: `op ${frame[0]} is not known on /v1/stream`,
      requestId,
    });
  });
});

describe('readPublishRequest', () => {
  it('reads every op of a publisher but TICKS', () => {
    expect(publish([1, ''])).toEqual({ op: Op.AUTH, token: '' });
    expect(publish([6, 0])).toEqual({ op: Op.PING, clientTime: 0 });
    expect(publish([2, ALIAS_MAX - 2, ['A', 5, null]])).toEqual({
      op: Op.ALIAS,
      firstAlias: ALIAS_MAX - 2,
      symbols: ['A', 5, null],
    });
  });

  it.each<[unknown[], string]>([
    [[2], 'firstAlias: expected an integer from 0 to 4294967295, got nothing'],
    [[2, -1, []], 'firstAlias: expected an integer from 0 to 4294967295, got -1'],
    [[2, ALIAS_MAX + 1, []], 'firstAlias: expected an integer'],
    [[2, 0], 'symbols: expected an array, got nothing'],
    [[2, 0, 'A'], 'symbols: expected an array, got a string'],
    [[2, ALIAS_MAX, ['A', 'B']], 'symbols: expected at most 1 from this alias on'],
    [[1, null], 'token: expected a string, got nil'],
    [[6, []], 'clientTime: expected a finite number, got an array'],
  ])('answers %j with bad_frame: %s', (frame, message) => {
    const error = publish(frame);
    expect(error).toMatchObject({ code: ErrorCode.bad_frame, requestId: null });
    expect((error as ProtocolError).message).toContain(message);
  });

  it.each([4, 5, 7, 8, 10, 17])('does not know op %d', (op) => {
    expect(publish([op, 1])).toMatchObject({
      code: ErrorCode.unknown_op,
      message: `op ${op} is not known on /v1/publish`,
      requestId: 1,
    });
  });
});
