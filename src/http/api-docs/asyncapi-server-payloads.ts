import * as z from 'zod';
import {
  ALL_FIELDS,
  Field,
  FULL,
  Op,
  OVERFLOW_POLICIES,
  PROTOCOL_VERSION,
} from '../../protocol/index.ts';
import {
  anomalyElements,
  count,
  element,
  op,
  patternCodes,
  requestId,
  sequence,
  serverTime,
  symbol,
  symbolId,
  timeMs,
} from './asyncapi-elements.ts';

const limits = z.object({
  frameBytesMax: count.describe('Bytes of the largest message taken.'),
  ticksPerFrameMax: count.describe('Ticks that one `TICKS` frame may hold.'),
  symbolsMax: count.describe('Symbols that the server holds.'),
  subscriptionsMax: count.describe('Patterns that a session may hold.'),
  authTimeoutMs: count.describe('How long a session may take to authenticate, where demanded.'),
});

const welcomeInfo = z.object({
  version: z.literal(PROTOCOL_VERSION),
  epoch: z.string().describe('One lifetime of symbol ids and state.'),
  session: z.string().describe("Names the session in the server's log."),
  serverTime: timeMs.describe("The server's clock, ms since the epoch."),
  heartbeatMs: count.describe('Silence after which `HEARTBEAT` comes, ms.'),
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
    element(sequence, 'sequence', 'Everything up to it is settled.'),
    element(count, 'accepted', 'Ticks that entered a queue since the connection began.'),
    element(count, 'rejected', 'Ticks that were invalid.'),
    element(count, 'dropped', 'Ticks that were discarded on arrival.'),
    element(count, 'credit', 'Ticks that may be sent beyond what this covers.'),
  ]),
  REJECT: z.tuple([
    op(Op.REJECT),
    element(sequence, 'sequence', 'Of the frame.'),
    element(z.array(count), 'faults', 'Index of a tick and error code in turn, up to 100 ticks.'),
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
  STATS: z.tuple([op(Op.STATS), serverTime, entries]),
  ANOMALY: z.tuple([
    op(Op.ANOMALY),
    serverTime,
    element(z.array(z.tuple([symbolId, ...anomalyElements])), 'anomalies'),
  ]),
  SYMBOLS: z.tuple([
    op(Op.SYMBOLS),
    element(z.array(z.union([count, symbol])), 'names', 'Symbol id and symbol in turn.'),
  ]),
  UNSUBSCRIBED: z.tuple([op(Op.UNSUBSCRIBED), requestId, patternCodes]),
  HEARTBEAT: z.tuple([
    op(Op.HEARTBEAT),
    serverTime,
    element(count, 'framesSent', 'Frames sent before it on this connection.'),
  ]),
  PONG: z.tuple([op(Op.PONG), element(z.number(), 'clientTime', 'As `PING` had it.'), serverTime]),
  DIGEST: z.tuple([
    op(Op.DIGEST),
    requestId,
    element(z.int().min(0).max(0xffff_ffff), 'digest', '32-bit FNV-1a of what the session holds.'),
    element(count, 'symbolCount'),
  ]),
  HISTORY_PAGE: z.tuple([
    op(Op.HISTORY_PAGE),
    requestId,
    element(symbol, 'symbol'),
    element(z.array(z.tuple([...anomalyElements])), 'anomalies', 'Oldest first.'),
    element(z.boolean(), 'more', 'Whether there are further ones.'),
  ]),
  ERROR: z.tuple([
    op(Op.ERROR),
    element(z.int().nullable(), 'requestId', 'Of the request answered; null where there is none.'),
    element(z.int().min(1), 'code', 'Decide by it; later versions may have further ones.'),
    element(z.string(), 'message', 'For people.'),
    element(z.boolean(), 'retryable', 'Whether the same may succeed later without a change.'),
    element(z.number().min(0).nullable(), 'retryAfterMs'),
  ]),
  GOAWAY: z.tuple([
    op(Op.GOAWAY),
    element(z.string(), 'reason', 'For people.'),
    element(count, 'deadlineMs', 'The connection is closed within this time.'),
    element(count, 'jitterMs', 'Reconnect after a random time of up to this.'),
  ]),
} as const;
