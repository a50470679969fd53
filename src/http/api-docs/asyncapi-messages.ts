import * as z from 'zod';
import { CLIENT_PAYLOADS } from './asyncapi-client-payloads.ts';
import { EXAMPLES } from './asyncapi-examples.ts';
import { SERVER_PAYLOADS } from './asyncapi-server-payloads.ts';

const PAYLOADS = { ...CLIENT_PAYLOADS, ...SERVER_PAYLOADS };

/** A message of the document: an op, and `WELCOME` once for each kind of client. */
export type MessageName = keyof typeof PAYLOADS;

const SUMMARIES: Readonly<Record<MessageName, string>> = {
  AUTH: 'Gives a token, or replaces the one given before.',
  ALIAS: 'Declares integers that stand for symbols, for the life of the connection.',
  TICKS: 'Ticks to take in.',
  SUBSCRIBE: 'Asks for the statistics and anomalies of symbols, also of those to come.',
  UNSUBSCRIBE: 'Gives patterns up.',
  PING: 'Measures the round trip.',
  VERIFY: 'Asks for the digest of what this session must hold.',
  HISTORY: 'Asks for past anomalies of a symbol.',
  PUBLISHER_WELCOME: 'Begins the session of a publisher.',
  SUBSCRIBER_WELCOME: 'Begins the session of a subscriber.',
  ACK: 'Settles frames, and gives credit for further ones.',
  REJECT: 'Names the ticks of a frame that were refused.',
  SUBSCRIBED: 'Answers SUBSCRIBE, pattern by pattern.',
  STATS: 'What changed of the statistics.',
  ANOMALY: 'Anomalies, in order and none left out.',
  SYMBOLS: 'Names the symbols behind ids.',
  UNSUBSCRIBED: 'Answers UNSUBSCRIBE, pattern by pattern.',
  HEARTBEAT: 'Breaks a silence, and counts the frames before it.',
  PONG: 'Answers PING.',
  DIGEST: 'Answers VERIFY.',
  HISTORY_PAGE: 'Answers HISTORY.',
  ERROR: 'Says what was wrong.',
  GOAWAY: 'Announces a planned close.',
};

/** Requests, and the answers that repeat their id as the second element. */
const CORRELATED: ReadonlySet<MessageName> = new Set([
  ...(['SUBSCRIBE', 'UNSUBSCRIBE', 'VERIFY', 'HISTORY'] as const),
  ...(['SUBSCRIBED', 'UNSUBSCRIBED', 'DIGEST', 'HISTORY_PAGE', 'ERROR'] as const),
]);

/** The messages of the document, by name. */
export function componentMessages(): Readonly<Record<MessageName, object>> {
  const names = Object.keys(PAYLOADS) as MessageName[];
  const messages = names.map((name) => [name, componentMessage(name)]);
  return Object.fromEntries(messages) as Record<MessageName, object>;
}

/** The name of a message's op: what the protocol calls it. */
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
 * A frame as JSON Schema of draft 7, which is what schemas of AsyncAPI 3.0 are. Frames may get
 * further elements and maps further keys, so clients must not refuse them.
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
