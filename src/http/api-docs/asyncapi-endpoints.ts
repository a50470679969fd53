import {
  Op,
  PUBLISH_PATH,
  STREAM_PATH,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
} from '../../protocol/index.ts';
import type { MessageName } from './asyncapi-messages.ts';

/** The messages of an endpoint. */
export interface Endpoint {
  readonly path: string;
  readonly title: string;
  readonly description: string;
  /** Messages from clients, and the possible answers to each. */
  readonly receives: Readonly<Partial<Record<MessageName, readonly MessageName[]>>>;
  /** Messages that the server sends without a request. */
  readonly sends: readonly MessageName[];
  /** The query of the upgrade. */
  readonly query?: object;
}

/** The endpoints for clients. */
export const ENDPOINTS = {
  publish: {
    path: PUBLISH_PATH,
    title: 'Publishers',
    description: 'Ticks in, acknowledgements out.',
    receives: {
      AUTH: [],
      ALIAS: ['ERROR'],
      TICKS: ['ACK', 'REJECT', 'ERROR'],
      PING: ['PONG', 'ERROR'],
    },
    sends: ['PUBLISHER_WELCOME', 'ACK', 'HEARTBEAT', 'ERROR', 'GOAWAY'],
    query: {
      type: 'object',
      properties: {
        publisher: {
          type: 'string',
          pattern: '^[A-Za-z0-9._-]{1,64}$',
          description:
            'Names the publisher, so that a reconnect can resume; by default the server chooses ' +
            'a name. A name has one live connection: a newer one takes over.',
        },
      },
    },
  },
  stream: {
    path: STREAM_PATH,
    title: 'Subscribers',
    description: 'Subscriptions in; statistics, anomalies and alerts out.',
    receives: {
      AUTH: [],
      SUBSCRIBE: ['SUBSCRIBED', 'ERROR'],
      UNSUBSCRIBE: ['UNSUBSCRIBED', 'ERROR'],
      PING: ['PONG', 'ERROR'],
      VERIFY: ['DIGEST', 'ERROR'],
      HISTORY: ['HISTORY_PAGE', 'ERROR'],
      ALERT_HISTORY: ['ALERT_PAGE', 'ERROR'],
    },
    sends: [
      ...([
        'SUBSCRIBER_WELCOME',
        'SYMBOLS',
        'STATS',
        'ANOMALY',
        'RULES',
        'ALERT',
        'RETIRED',
      ] as const),
      ...(['HEARTBEAT', 'ERROR', 'GOAWAY'] as const),
    ],
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

/** The endpoints with their names. */
function listEndpoints(): readonly [EndpointName, Endpoint][] {
  return Object.entries(ENDPOINTS) as [EndpointName, Endpoint][];
}

const IF_REQUIRED = 'If the server requires a token.';

/** The ways to pass a token. */
export const SECURITY_SCHEMES = {
  bearerHeader: {
    type: 'http',
    scheme: 'bearer',
    description: `${IF_REQUIRED} The header \`Authorization: Bearer TOKEN\` of the upgrade.`,
  },
  bearerSubprotocol: {
    type: 'httpApiKey',
    name: 'Sec-WebSocket-Protocol',
    in: 'header',
    description:
      `${IF_REQUIRED} The subprotocol entry \`bearer.TOKEN\` beside the encoding's: browsers ` +
      'cannot set headers. The server never echoes it.',
  },
  authFrame: {
    type: 'apiKey',
    in: 'password',
    description:
      `${IF_REQUIRED} \`AUTH\`, \`[${Op.AUTH}, token]\`, as the first frame. A later one ` +
      'replaces the token before it expires, without a reconnect.',
  },
} as const;

/** References to all of them, one of which suffices. */
export function anyToken(): readonly object[] {
  return Object.keys(SECURITY_SCHEMES).map((name) => ({
    $ref: `#/components/securitySchemes/${name}`,
  }));
}

const BINDING_VERSION = '0.1.0';

const HEADERS = {
  type: 'object',
  properties: {
    'Sec-WebSocket-Protocol': {
      type: 'string',
      default: SUBPROTOCOL_BINARY,
      description:
        `\`${SUBPROTOCOL_BINARY}\`: MessagePack in binary messages. \`${SUBPROTOCOL_JSON}\`: the ` +
        'same arrays as JSON in text messages. An entry `bearer.TOKEN` beside it carries a token.',
    },
  },
};

/** A channel for each endpoint, with the messages of both directions. */
export function channels(): Readonly<Record<string, object>> {
  return Object.fromEntries(listEndpoints().map(([name, endpoint]) => [name, channel(endpoint)]));
}

/** Every operation of both endpoints, from the server's side. */
export function operations(): Readonly<Record<string, object>> {
  const all = listEndpoints().flatMap(([name, { receives, sends }]) => [
    ...Object.entries(receives).map(([message, replies]) =>
      operation(name, 'receive', message as MessageName, replies),
    ),
    ...sends.map((message) => operation(name, 'send', message)),
  ]);
  return Object.fromEntries(all);
}

function channel({ path, title, description, query, receives, sends }: Endpoint): object {
  const messages = [...Object.entries(receives).flat(2), ...sends] as MessageName[];
  const upgrade = query === undefined ? { headers: HEADERS } : { query, headers: HEADERS };
  return {
    address: path,
    title,
    description,
    messages: Object.fromEntries(
      messages.map((message) => [message, { $ref: `#/components/messages/${message}` }]),
    ),
    bindings: {
      ws: { method: 'GET', ...upgrade, bindingVersion: BINDING_VERSION },
    },
  };
}

function operation(
  endpoint: EndpointName,
  action: 'receive' | 'send',
  message: MessageName,
  replies: readonly MessageName[] = [],
): [id: string, operation: object] {
  const channelRef = { $ref: `#/channels/${endpoint}` };
  const refs = (names: readonly MessageName[]) =>
    names.map((name) => ({ $ref: `${channelRef.$ref}/messages/${name}` }));
  const reply =
    replies.length === 0 ? {} : { reply: { channel: channelRef, messages: refs(replies) } };
  const id = `${endpoint}.${message}`;
  const messages = refs([message]);
  return [id, { action, channel: channelRef, messages, ...reply }];
}
