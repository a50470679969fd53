import * as z from 'zod';
import { ALL_FIELDS, Op } from '../../protocol/index.ts';
import { count, element, op, patterns, requestId, sequence, symbol } from './asyncapi-elements.ts';

const tickValues = element(
  z.array(z.union([z.string(), z.number(), z.null()])),
  'ticks',
  'Flat, three values a tick: the symbol or an alias; the price, a finite number above zero; the ' +
    'time in ms since the epoch, or null for the moment at which the server receives the frame. ' +
    'A tick that is invalid is refused alone, by `REJECT`.',
);

const optional = <Schema extends z.ZodType>(schema: Schema, description: string) =>
  schema.nullable().optional().describe(description);

const subscribeOptions = z.object({
  stats: optional(z.boolean(), 'Statistics wanted; absent: true.'),
  anomalies: optional(z.boolean(), 'Anomalies wanted; absent: true.'),
  conflateMs: optional(
    z.number().min(0),
    "Least time between two flushes of statistics to this session, ms; absent: the server's.",
  ),
  fields: optional(
    z.int().min(1).max(ALL_FIELDS),
    `Mask of the statistics wanted; absent: ${ALL_FIELDS}, all.`,
  ),
  since: optional(
    z.record(z.string(), sequence),
    'By symbol the last anomaly sequence seen: what came after is sent again.',
  ),
});

/** The frames that clients send. */
export const CLIENT_PAYLOADS = {
  AUTH: z.tuple([op(Op.AUTH), element(z.string(), 'token')]),
  ALIAS: z.tuple([
    op(Op.ALIAS),
    element(z.int().min(0).max(0xffff_ffff), 'firstAlias'),
    element(z.array(symbol), 'symbols', 'They get `firstAlias`, `firstAlias` + 1 and so on.'),
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
    element(count, 'afterSequence', 'Anomalies with a greater sequence are asked for; 0: all.'),
    element(z.int().min(1), 'limit', 'Anomalies wanted; the server may send fewer.'),
  ]),
} as const;
