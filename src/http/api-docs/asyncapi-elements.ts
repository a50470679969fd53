import * as z from 'zod';
import { type Op, SYMBOL_LENGTH_MAX } from '../../protocol/index.ts';

/*
 * The elements that frames are made of. A frame's schema describes its shape: what is said of a
 * value in words (flat groups of three, code points) is judged by the server where it cannot be
 * said in a schema.
 */

/** An element of a frame with the name that the protocol gives it. */
export function element<Schema extends z.ZodType>(
  schema: Schema,
  title: string,
  description?: string,
): Schema {
  return schema.meta(description === undefined ? { title } : { title, description });
}

/** The first element of every frame. */
export function op<Value extends Op>(value: Value): z.ZodLiteral<Value> {
  return element(z.literal(value), 'op');
}

export const count = z.int().min(0);
/** Numbers a publisher's frames, or a symbol's anomalies. */
export const sequence = z.int().min(0);
export const timeMs = z.number().min(0);

export const requestId = element(
  z.int(),
  'requestId',
  'Any integer that the client chooses; the answer repeats it.',
);

export const serverTime = element(timeMs, 'serverTime', "The server's clock, ms since the epoch.");

export const symbol = z
  .string()
  .min(1)
  .max(SYMBOL_LENGTH_MAX)
  .describe(`A symbol: 1 to ${SYMBOL_LENGTH_MAX} Unicode code points, no \`*\`, case-sensitive.`);

export const symbolId = element(
  count,
  'symbolId',
  'What stands for a symbol in one epoch; `SYMBOLS` names it before it is used.',
);

/** Patterns of a request. A bad one is answered with its code; it does not spoil the frame. */
export const patterns = element(
  z.array(z.string()),
  'patterns',
  `Symbols, or texts of 1 to ${SYMBOL_LENGTH_MAX} code points in which each \`*\` stands for any run of characters.`,
);

/** What became of each pattern of a request. */
export const patternCodes = element(
  z.array(z.int().min(0)),
  'codes',
  'One for each pattern, in order: 0, or the error code of why it was refused.',
);

/** What both ways of telling an anomaly have in common. */
export const anomalyElements = [
  element(z.int().min(1), 'sequence', "Counts the symbol's anomalies, from 1."),
  element(z.literal([1, -1]), 'direction', '1 up, -1 down.'),
  element(z.number().positive(), 'reference', 'The price moved away from.'),
  element(z.number().positive(), 'price', 'The new price.'),
  element(z.number(), 'changePercent', 'From `reference` to `price`; negative when down.'),
  element(timeMs, 'time', 'Of the tick, ms since the epoch.'),
] as const;
