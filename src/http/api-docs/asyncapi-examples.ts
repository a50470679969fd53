import type { MessageName } from './asyncapi-messages.ts';

type Frame = readonly unknown[];

const LIMITS = {
  frameBytesMax: 1_048_576,
  ticksPerFrameMax: 65_536,
  symbolsMax: 65_536,
  subscriptionsMax: 10_000,
  authTimeoutMs: 10_000,
};

const WELCOME = {
  version: 1,
  epoch: 'k3v9',
  session: 's2',
  serverTime: 1_700_000_000_000,
  heartbeatMs: 5000,
  limits: LIMITS,
};

const PUBLISHER = { publisher: 'feed-a', sequence: 0, credit: 65_536, overflow: 'dropOldest' };

const ANOMALY = [1, 1, 64_250.5, 65_600, 2.1003727597450603, 1_700_000_000_091];

const BITCOIN_ENTRY = [0, 127, 64_250.5, 64_250.5, 1, 1_700_000_000_001, 64_250.5, 64_250.5];
const ETHER_ENTRY = [1, 127, 3120.25, 3120.25, 1, 1_700_000_000_001, 3120.25, 3120.25];

/** The frames of docs/PROTOCOL.md, by message and in its order; a test holds the two together. */
export const EXAMPLES: Readonly<Record<MessageName, readonly Frame[]>> = {
  AUTH: [[1, 'a token']],
  ALIAS: [[2, 0, ['BTC-USD', 'ETH-USD']]],
  TICKS: [
    [3, 1, [0, 64_250.5, 1_700_000_000_001, 1, 3120.25, 1_700_000_000_001, 'SOL-USD', 98.4, null]],
    [3, 2, [0, -1, 1_700_000_000_002]],
  ],
  SUBSCRIBE: [
    [4, 1, ['BTC-USD', 'ETH-*'], { conflateMs: 100 }],
    [4, 3, ['SOL-USD'], { stats: false, anomalies: true, fields: 9, since: { 'SOL-USD': 17 } }],
  ],
  UNSUBSCRIBE: [[5, 4, ['ETH-*', 'never held', '']]],
  PING: [[6, 1_700_000_000_500]],
  VERIFY: [[7, 2]],
  HISTORY: [[8, 5, 'BTC-USD', 0, 100]],
  PUBLISHER_WELCOME: [[16, { ...WELCOME, session: 'p1', ...PUBLISHER }]],
  SUBSCRIBER_WELCOME: [[16, WELCOME]],
  ACK: [
    [17, 1, 3, 0, 0, 65_536],
    [17, 2, 3, 1, 0, 65_536],
  ],
  REJECT: [[18, 2, [0, 4]]],
  SUBSCRIBED: [[19, 1, [0, 0], { conflateMs: 100, fields: 63 }]],
  STATS: [
    [20, 1_700_000_000_020, [...BITCOIN_ENTRY, ...ETHER_ENTRY]],
    [20, 1_700_000_000_120, [0, 47, 65_600, 64_925.25, 1, 90, 65_600]],
  ],
  ANOMALY: [[21, 1_700_000_000_120, [[0, ...ANOMALY]]]],
  SYMBOLS: [[22, [0, 'BTC-USD', 1, 'ETH-USD']]],
  UNSUBSCRIBED: [[23, 4, [0, 0, 3]]],
  HEARTBEAT: [[24, 1_700_000_005_501, 12]],
  PONG: [[25, 1_700_000_000_500, 1_700_000_000_501]],
  DIGEST: [[26, 2, 3_252_935_348, 2]],
  HISTORY_PAGE: [[27, 5, 'BTC-USD', [ANOMALY], false]],
  ERROR: [
    [30, 6, 1, 'patterns[1]: expected a string, got 5', false, null],
    [30, null, 12, 'the frame holds 500 ticks, and the credit left is 120', true, 20],
  ],
  GOAWAY: [[31, 'restart', 4000, 5000]],
};
