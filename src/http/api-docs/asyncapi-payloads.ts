import * as z from 'zod';
import {
  ALL_FIELDS,
  Field,
  FULL,
  Op,
  OVERFLOW_POLICIES,
  PROTOCOL_VERSION,
  SYMBOL_LENGTH_MAX,
} from '../../protocol/index.ts';

/**
 * The elements of frames. A schema describes a frame's shape; rules that no schema can express
 * (flat groups of three, code points) are described in words and checked by the server.
 */

/** An element of a frame, under its name in the protocol. */
function element<Schema extends z.ZodType>(
  schema: Schema,
  title: string,
  description?: string,
): Schema {
  return schema.meta(description === undefined ? { title } : { title, description });
}

/** The first element of every frame. */
function op<Value extends Op>(value: Value): z.ZodLiteral<Value> {
  return element(z.literal(value), 'op');
}

const count = z.int().min(0);
/** Numbers a publisher's frames, or a symbol's anomalies. */
const sequence = z.int().min(0);
const timeMs = z.number().min(0);

const requestId = element(
  z.int(),
  'requestId',
  'Any integer that the client chooses; the answer repeats it.',
);

const serverTime = element(timeMs, 'serverTime', "The server's clock, ms since the epoch.");

const symbol = z
  .string()
  .min(1)
  .max(SYMBOL_LENGTH_MAX)
  .describe(`A symbol: 1 to ${SYMBOL_LENGTH_MAX} Unicode code points, no \`*\`, case-sensitive.`);

const symbolId = element(
  count,
  'symbolId',
  'Identifies a symbol in one epoch; `SYMBOLS` names it before its first use.',
);

/**
 * Patterns of a request. An invalid one is answered with its code and does not affect the others.
 */
const patterns = element(
  z.array(z.string()),
  'patterns',
  `Symbols, or texts of 1 to ${SYMBOL_LENGTH_MAX} code points in which each \`*\` matches any ` +
    'run of characters.',
);

/** The result for each pattern of a request. */
const patternCodes = element(
  z.array(z.int().min(0)),
  'codes',
  'One for each pattern, in order: 0, or the error code of its refusal.',
);

/** The elements shared by both forms of an anomaly. */
const anomalyElements = [
  element(z.int().min(1), 'sequence', "Counts the symbol's anomalies, from 1."),
  element(z.literal([1, -1]), 'direction', '1 up, -1 down.'),
  element(z.number().positive(), 'reference', 'The price moved away from.'),
  element(z.number().positive(), 'price', 'The new price.'),
  element(z.number(), 'changePercent', 'From `reference` to `price`; negative when down.'),
  element(timeMs, 'time', 'Of the tick, ms since the epoch.'),
] as const;

/** The elements shared by both forms of an alert. */
const alertElements = [
  element(z.int().min(1), 'sequence', "Counts the symbol's alerts of all rules, from 1."),
  element(count, 'ruleId', 'Of the rule that `RULES` named before.'),
  element(z.int().min(1), 'episode', 'Counts the episodes of symbol and rule, from 1.'),
  element(z.literal([1, 2, 3, 4]), 'phase', '1 start, 2 escalate, 3 extend, 4 end.'),
  element(z.literal([1, 2]), 'level', '1 warning, 2 critical.'),
  element(z.literal([1, -1, 0]), 'direction', '1 up, -1 down, 0 neither.'),
  element(z.number(), 'reference', 'What the rule compared the price with.'),
  element(z.number().positive(), 'price', 'The price that raised the alert.'),
  element(z.number(), 'changePercent', 'From `reference` to `price`; negative when down.'),
  element(timeMs, 'time', 'Of the tick, or of the end of the episode, ms since the epoch.'),
  element(timeMs, 'startTime', "Of the episode's start, ms since the epoch."),
  element(z.number().positive(), 'peak', 'The price furthest from where the episode began.'),
  element(count, 'count', 'Ticks of the episode beyond the threshold.'),
  element(
    z.literal([0, 1, 2, 3, 4]),
    'reason',
    'Why the episode ended: 1 reverted, 2 reversed, 3 settled, 4 closed; 0 but at ends.',
  ),
] as const;

const tickValues = element(
  z.array(z.union([z.string(), z.number(), z.null()])),
  'ticks',
  'Flat, three values a tick: the symbol or an alias; the price, a finite number above zero; the ' +
    'time in ms since the epoch, or null for the time at which the server receives the frame. ' +
    'An invalid tick is rejected alone, by `REJECT`.',
);

const optional = <Schema extends z.ZodType>(schema: Schema, description: string) =>
  schema.nullable().optional().describe(description);

const subscribeOptions = z.object({
  stats: optional(z.boolean(), 'Whether to send statistics; absent: true.'),
  anomalies: optional(z.boolean(), 'Whether to send anomalies; absent: true.'),
  conflateMs: optional(
    z.number().min(0),
    "Minimum time between two flushes of statistics, ms; absent: the server's.",
  ),
  fields: optional(
    z.int().min(1).max(ALL_FIELDS),
    `Mask of the statistics wanted; absent: ${ALL_FIELDS}, all.`,
  ),
  since: optional(
    z.record(z.string(), sequence),
    'Last anomaly sequence seen, by symbol: later anomalies are sent again.',
  ),
  alerts: optional(z.boolean(), 'Whether to send alerts of rules; absent: false.'),
  alertsSince: optional(
    z.record(z.string(), sequence),
    'Last alert sequence seen, by symbol: later alerts are sent again.',
  ),
});

/** The frames that clients send. */
export const CLIENT_PAYLOADS = {
  AUTH: z.tuple([op(Op.AUTH), element(z.string(), 'token')]),
  ALIAS: z.tuple([
    op(Op.ALIAS),
    element(z.int().min(0).max(0xffff_ffff), 'firstAlias'),
    element(
      z.array(symbol),
      'symbols',
      'Their aliases are `firstAlias`, `firstAlias` + 1 and so on.',
    ),
  ]),
  TICKS: z.tuple([
    op(Op.TICKS),
    element(
      sequence,
      'sequence',
      '1, 2, 3 … for each frame of a named publisher, across reconnects; 0 opts out.',
    ),
    tickValues,
  ]),
  SUBSCRIBE: z.tuple([
    op(Op.SUBSCRIBE),
    requestId,
    patterns,
    element(subscribeOptions.nullable().optional(), 'options'),
  ]),
  UNSUBSCRIBE: z.tuple([op(Op.UNSUBSCRIBE), requestId, patterns]),
  PING: z.tuple([
    op(Op.PING),
    element(z.number(), 'clientTime', 'Any finite number; `PONG` repeats it.'),
  ]),
  VERIFY: z.tuple([op(Op.VERIFY), requestId]),
  HISTORY: z.tuple([
    op(Op.HISTORY),
    requestId,
    element(z.string(), 'symbol'),
    element(count, 'afterSequence', 'Requests anomalies with a greater sequence; 0: all.'),
    element(z.int().min(1), 'limit', 'Most anomalies to send; the server may send fewer.'),
  ]),
  ALERT_HISTORY: z.tuple([
    op(Op.ALERT_HISTORY),
    requestId,
    element(z.string(), 'symbol'),
    element(count, 'afterSequence', 'Requests alerts with a greater sequence; 0: all.'),
    element(z.int().min(1), 'limit', 'Most alerts to send; the server may send fewer.'),
  ]),
} as const;

const limits = z.object({
  frameBytesMax: count.describe('Largest message accepted, bytes.'),
  ticksPerFrameMax: count.describe('Most ticks in a `TICKS` frame.'),
  symbolsMax: count.describe('Most symbols of the server.'),
  subscriptionsMax: count.describe('Most patterns of a session.'),
  wildcardsMax: count
    .optional()
    .describe('Most patterns of a session with a `*`; absent from earlier servers.'),
  authTimeoutMs: count.describe('Time for a session to authenticate, if required, ms.'),
});

const welcomeInfo = z.object({
  version: z.literal(PROTOCOL_VERSION),
  epoch: z.string().describe('Identifies a lifetime of symbol ids and state.'),
  session: z.string().describe("Names the session in the server's log."),
  serverTime: timeMs.describe("The server's clock, ms since the epoch."),
  heartbeatMs: count.describe('Longest silence of the server, ms; then it sends `HEARTBEAT`.'),
  limits,
});

const publisherInfo = welcomeInfo.extend({
  publisher: z.string().describe("The publisher's name, as given or as the server chose it."),
  sequence: sequence.describe('Last sequence accepted from this publisher, 0 if none.'),
  credit: count.describe('Ticks that may be sent before the first `ACK`.'),
  overflow: z.enum(OVERFLOW_POLICIES).describe('What happens when a queue is full.'),
});

const MASK_BITS = Object.entries({ ...Field, FULL })
  .map(([name, bit]) => `${bit} ${name.toLowerCase()}`)
  .join(', ');

const entries = element(
  z.array(z.number()),
  'entries',
  'Flat; each entry is a symbol id, a mask, and one value for each bit of the mask below ' +
    `${FULL} that is set, lowest first. Bits: ${MASK_BITS}. A full entry replaces everything ` +
    'known of its symbol; in any other, count and time are increases since the entry before it.',
);

/** The frames that the server sends. */
export const SERVER_PAYLOADS = {
  PUBLISHER_WELCOME: z.tuple([op(Op.WELCOME), element(publisherInfo, 'info')]),
  SUBSCRIBER_WELCOME: z.tuple([op(Op.WELCOME), element(welcomeInfo, 'info')]),
  ACK: z.tuple([
    op(Op.ACK),
    element(sequence, 'sequence', 'All frames up to it are acknowledged.'),
    element(count, 'accepted', 'Ticks that entered a queue since the connection began.'),
    element(count, 'rejected', 'Invalid ticks.'),
    element(count, 'dropped', 'Ticks dropped on arrival.'),
    element(count, 'credit', 'Ticks that may be sent beyond the acknowledged ones.'),
  ]),
  REJECT: z.tuple([
    op(Op.REJECT),
    element(sequence, 'sequence', 'Of the frame.'),
    element(
      z.array(count),
      'faults',
      'Index of a tick and error code, alternating, for up to 100 ticks.',
    ),
    element(z.string().optional(), 'detail', 'With `symbol_limit`: the limit, its value, its key.'),
  ]),
  SUBSCRIBED: z.tuple([
    op(Op.SUBSCRIBED),
    requestId,
    patternCodes,
    element(
      z.object({ conflateMs: z.number().min(0), fields: z.int().min(1).max(ALL_FIELDS) }),
      'effective',
      'The values in force.',
    ),
  ]),
  STATS: z.tuple([
    op(Op.STATS),
    serverTime,
    entries,
    element(
      z.int().min(1).optional(),
      'behindMs',
      'What changed more than so many ms before `serverTime` was sent; absent: less than 250.',
    ),
  ]),
  ANOMALY: z.tuple([
    op(Op.ANOMALY),
    serverTime,
    element(z.array(z.tuple([symbolId, ...anomalyElements])), 'anomalies'),
  ]),
  ALERT: z.tuple([
    op(Op.ALERT),
    serverTime,
    element(z.array(z.tuple([symbolId, ...alertElements])), 'alerts'),
  ]),
  RULES: z.tuple([
    op(Op.RULES),
    element(
      z.array(z.union([count, z.string()])),
      'rules',
      'Flat, three values a rule: its id, its name, its kind.',
    ),
  ]),
  SYMBOLS: z.tuple([
    op(Op.SYMBOLS),
    element(z.array(z.union([count, symbol])), 'names', 'Symbol ids and symbols, alternating.'),
  ]),
  RETIRED: z.tuple([
    op(Op.RETIRED),
    element(z.array(symbolId), 'symbolIds', 'They mean nothing any more, and never come again.'),
  ]),
  UNSUBSCRIBED: z.tuple([op(Op.UNSUBSCRIBED), requestId, patternCodes]),
  HEARTBEAT: z.tuple([
    op(Op.HEARTBEAT),
    serverTime,
    element(count, 'framesSent', 'Frames sent before it on this connection.'),
  ]),
  PONG: z.tuple([op(Op.PONG), element(z.number(), 'clientTime', 'As in `PING`.'), serverTime]),
  DIGEST: z.tuple([
    op(Op.DIGEST),
    requestId,
    element(
      z.int().min(0).max(0xffff_ffff),
      'digest',
      '32-bit FNV-1a of the state of the session.',
    ),
    element(count, 'symbolCount'),
  ]),
  HISTORY_PAGE: z.tuple([
    op(Op.HISTORY_PAGE),
    requestId,
    element(symbol, 'symbol'),
    element(z.array(z.tuple([...anomalyElements])), 'anomalies', 'Oldest first.'),
    element(z.boolean(), 'more', 'Whether more follow.'),
  ]),
  ALERT_PAGE: z.tuple([
    op(Op.ALERT_PAGE),
    requestId,
    element(symbol, 'symbol'),
    element(z.array(z.tuple([...alertElements])), 'alerts', 'Oldest first.'),
    element(z.boolean(), 'more', 'Whether more follow.'),
  ]),
  ERROR: z.tuple([
    op(Op.ERROR),
    element(z.int().nullable(), 'requestId', 'Id of the request; null if the error answers none.'),
    element(z.int().min(1), 'code', 'Decide by the code; later versions may add codes.'),
    element(z.string(), 'message', 'For people.'),
    element(z.boolean(), 'retryable', 'Whether the same request may succeed later.'),
    element(z.number().min(0).nullable(), 'retryAfterMs'),
  ]),
  GOAWAY: z.tuple([
    op(Op.GOAWAY),
    element(z.string(), 'reason', 'For people.'),
    element(count, 'deadlineMs', 'The connection is closed within this time.'),
    element(count, 'jitterMs', 'Reconnect after a random delay up to this.'),
  ]),
} as const;
