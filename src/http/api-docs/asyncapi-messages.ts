import * as z from 'zod';
import { CLIENT_PAYLOADS, SERVER_PAYLOADS } from './asyncapi-payloads.ts';

const PAYLOADS = { ...CLIENT_PAYLOADS, ...SERVER_PAYLOADS };

/** A message of the document: an op, and `WELCOME` once for each kind of client. */
export type MessageName = keyof typeof PAYLOADS;

const SUMMARIES: Readonly<Record<MessageName, string>> = {
  AUTH: 'Authenticates, or replaces the token.',
  ALIAS: 'Declares integer aliases of symbols, for the life of the connection.',
  TICKS: 'Publishes ticks.',
  SUBSCRIBE: 'Subscribes to statistics, anomalies and alerts of symbols, present and future.',
  UNSUBSCRIBE: 'Ends subscriptions.',
  PING: 'Measures the round trip.',
  VERIFY: 'Requests the digest of the state that this session must hold.',
  HISTORY: 'Requests past anomalies of a symbol.',
  ALERT_HISTORY: 'Requests past alerts of a symbol.',
  PUBLISHER_WELCOME: 'Opens the session of a publisher.',
  SUBSCRIBER_WELCOME: 'Opens the session of a subscriber.',
  ACK: 'Acknowledges frames and grants credit for more.',
  REJECT: 'Lists the rejected ticks of a frame.',
  SUBSCRIBED: 'Answers SUBSCRIBE, pattern by pattern.',
  STATS: 'Changed statistics.',
  ANOMALY: 'Anomalies, in order and without gaps.',
  ALERT: 'Alerts of rules, in order and without gaps.',
  RULES: 'Names the rules behind ids.',
  SYMBOLS: 'Names the symbols behind ids.',
  RETIRED: 'Symbols are gone.',
  UNSUBSCRIBED: 'Answers UNSUBSCRIBE, pattern by pattern.',
  HEARTBEAT: 'Ends a silence, and counts the frames before it.',
  PONG: 'Answers PING.',
  DIGEST: 'Answers VERIFY.',
  HISTORY_PAGE: 'Answers HISTORY.',
  ALERT_PAGE: 'Answers ALERT_HISTORY.',
  ERROR: 'Reports an error.',
  GOAWAY: 'Announces a planned close.',
};

/** Requests, and the answers that repeat their id as the second element. */
const CORRELATED: ReadonlySet<MessageName> = new Set([
  ...(['SUBSCRIBE', 'UNSUBSCRIBE', 'VERIFY', 'HISTORY', 'ALERT_HISTORY'] as const),
  ...(['SUBSCRIBED', 'UNSUBSCRIBED', 'DIGEST', 'HISTORY_PAGE', 'ALERT_PAGE', 'ERROR'] as const),
]);

/** The messages of the document, by name. */
export function componentMessages(): Readonly<Record<MessageName, object>> {
  const names = Object.keys(PAYLOADS) as MessageName[];
  const messages = names.map((name) => [name, componentMessage(name)]);
  return Object.fromEntries(messages) as Record<MessageName, object>;
}

/** The protocol's name of a message's op. */
function opName(name: MessageName): string {
  return name.replace(/^\w+_(?=WELCOME$)/, '');
}

function componentMessage(name: MessageName): object {
  const correlation = { correlationId: { $ref: '#/components/correlationIds/requestId' } };
  return {
    name: opName(name),
    title: name,
    summary: SUMMARIES[name],
    ...(CORRELATED.has(name) ? correlation : {}),
    payload: payloadSchema(PAYLOADS[name]),
    examples: EXAMPLES[name].map((payload) => ({ payload })),
  };
}

/**
 * A frame as JSON Schema draft 7, the dialect of AsyncAPI 3.0. Clients must accept further elements
 * of frames and keys of maps.
 */
function payloadSchema(payload: z.ZodType): object {
  const schema = z.toJSONSchema(payload, {
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) drop(jsonSchema, 'additionalProperties');
      if (!Array.isArray(jsonSchema.items)) return;
      drop(jsonSchema, 'additionalItems');
      drop(jsonSchema, 'maxItems');
    },
  });
  drop(schema, '$schema');
  return schema;
}

function drop(schema: object, key: string): void {
  Reflect.deleteProperty(schema, key);
}

type Frame = readonly unknown[];

const LIMITS = {
  frameBytesMax: 1_048_576,
  ticksPerFrameMax: 65_536,
  symbolsMax: 65_536,
  subscriptionsMax: 10_000,
  wildcardsMax: 256,
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
const ALERT_PRICES = [64_250.5, 65_600, 2.1003727597450603, 1_700_000_000_091];
const ALERT = [1, 0, 1, 1, 1, 1, ...ALERT_PRICES, 1_700_000_000_091, 65_600, 1, 0];

const BITCOIN_ENTRY = [0, 127, 64_250.5, 64_250.5, 1, 1_700_000_000_001, 64_250.5, 64_250.5];
const ETHER_ENTRY = [1, 127, 3120.25, 3120.25, 1, 1_700_000_000_001, 3120.25, 3120.25];

/** The frames of docs/PROTOCOL.md, by message and in its order; a test holds the two together. */
const EXAMPLES: Readonly<Record<MessageName, readonly Frame[]>> = {
  AUTH: [[1, 'a token']],
  ALIAS: [[2, 0, ['BTC-USD', 'ETH-USD']]],
  TICKS: [
    [3, 1, [0, 64_250.5, 1_700_000_000_001, 1, 3120.25, 1_700_000_000_001, 'SOL-USD', 98.4, null]],
    [3, 2, [0, -1, 1_700_000_000_002]],
  ],
  SUBSCRIBE: [
    [4, 1, ['BTC-USD', 'ETH-*'], { conflateMs: 100 }],
    [4, 3, ['SOL-USD'], { stats: false, anomalies: true, fields: 9, since: { 'SOL-USD': 17 } }],
    [4, 7, ['BTC-USD'], { alerts: true, alertsSince: { 'BTC-USD': 0 } }],
  ],
  UNSUBSCRIBE: [[5, 4, ['ETH-*', 'never held', '']]],
  PING: [[6, 1_700_000_000_500]],
  VERIFY: [[7, 2]],
  HISTORY: [[8, 5, 'BTC-USD', 0, 100]],
  ALERT_HISTORY: [[9, 8, 'BTC-USD', 0, 100]],
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
  ALERT: [[28, 1_700_000_000_120, [[0, ...ALERT]]]],
  RULES: [[29, [0, 'flash', 'spike']]],
  SYMBOLS: [[22, [0, 'BTC-USD', 1, 'ETH-USD']]],
  RETIRED: [[33, [0, 1]]],
  UNSUBSCRIBED: [[23, 4, [0, 0, 3]]],
  HEARTBEAT: [[24, 1_700_000_005_501, 12]],
  PONG: [[25, 1_700_000_000_500, 1_700_000_000_501]],
  DIGEST: [[26, 2, 3_252_935_348, 2]],
  HISTORY_PAGE: [[27, 5, 'BTC-USD', [ANOMALY], false]],
  ALERT_PAGE: [[32, 8, 'BTC-USD', [ALERT], false]],
  ERROR: [
    [30, 6, 1, 'patterns[1]: expected a string, got 5', false, null],
    [30, null, 12, 'the frame holds 500 ticks, and the credit left is 120', true, 20],
  ],
  GOAWAY: [[31, 'restart', 4000, 5000]],
};
