import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  ackFrame,
  decodeFrame,
  digestFrame,
  encodeFrame,
  errorFrame,
  type Frame,
  goawayFrame,
  heartbeatFrame,
  historyPageFrame,
  ProtocolError,
  type PublishWelcomeInfo,
  pongFrame,
  readWelcome,
  rejectFrame,
  subscribedFrame,
  symbolsFrame,
  unsubscribedFrame,
  welcomeFrame,
} from '../../src/protocol/index.ts';

const WELCOME: PublishWelcomeInfo = {
  version: 1,
  epoch: 'k3v9',
  session: 'p1',
  serverTime: 1_700_000_000_000,
  heartbeatMs: 5000,
  limits: {
    frameBytesMax: 1_048_576,
    ticksPerFrameMax: 65_536,
    symbolsMax: 65_536,
    subscriptionsMax: 10_000,
    wildcardsMax: 256,
    authTimeoutMs: 5000,
  },
  publisher: 'feed-a',
  sequence: 0,
  credit: 1_048_576,
  overflow: 'dropOldest',
};

const FRAMES: readonly [string, Frame, Frame][] = [
  ['WELCOME', welcomeFrame(WELCOME), [16, WELCOME]],
  ['ACK', ackFrame(5, 4, 3, 2, 1), [17, 5, 4, 3, 2, 1]],
  ['REJECT', rejectFrame(5, [0, 3, 7, 4]), [18, 5, [0, 3, 7, 4]]],
  ['REJECT of a limit', rejectFrame(5, [0, 7], 'full'), [18, 5, [0, 7], 'full']],
  [
    'SUBSCRIBED',
    subscribedFrame(1, [0, 3], { conflateMs: 100, fields: 63 }),
    [19, 1, [0, 3], { conflateMs: 100, fields: 63 }],
  ],
  ['SYMBOLS', symbolsFrame([0, 'BTC-USD', 1, '日経']), [22, [0, 'BTC-USD', 1, '日経']]],
  ['UNSUBSCRIBED', unsubscribedFrame(-1, [0]), [23, -1, [0]]],
  ['HEARTBEAT', heartbeatFrame(1_700_000_000_000, 12), [24, 1_700_000_000_000, 12]],
  ['PONG', pongFrame(0.5, 2), [25, 0.5, 2]],
  ['DIGEST', digestFrame(1, 0xffff_ffff, 3), [26, 1, 0xffff_ffff, 3]],
  [
    'HISTORY_PAGE',
    historyPageFrame(1, 'A', [[1, 1, 100, 103, 3, 5]], false),
    [27, 1, 'A', [[1, 1, 100, 103, 3, 5]], false],
  ],
  ['ERROR', errorFrame(new ProtocolError(9, 'slow', 4), 250), [30, 4, 9, 'slow', true, 250]],
  ['GOAWAY', goawayFrame('restart', 5000, 3000), [31, 'restart', 5000, 3000]],
];

describe.each(FRAMES)('%s', (_name, frame, expected) => {
  it('has the elements that the protocol lists', () => {
    expect(frame).toEqual(expected);
  });

  it('reads the same in another library', () => {
    expect(decode(encodeFrame(frame, 'binary') as Uint8Array)).toEqual(expected);
    expect(JSON.parse(encodeFrame(frame, 'json') as string)).toEqual(expected);
  });
});

describe('readWelcome', () => {
  it.each(['binary', 'json'] as const)('gives the info back as objects, from %s', (encoding) => {
    const frame = decodeFrame(encodeFrame(welcomeFrame(WELCOME), encoding));
    expect(readWelcome(frame)).toEqual(WELCOME);
  });
});
