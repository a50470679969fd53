import { PUBLISH_PATH, STREAM_PATH } from '../../protocol/index.ts';
import type { MessageName } from './asyncapi-messages.ts';

/** What goes through an endpoint. */
export interface Endpoint {
  readonly path: string;
  readonly title: string;
  readonly description: string;
  /** What clients send, and what each of it may be answered with. */
  readonly receives: Readonly<Partial<Record<MessageName, readonly MessageName[]>>>;
  /** What the server sends without being asked each time. */
  readonly sends: readonly MessageName[];
  /** The query of the upgrade. */
  readonly query?: object;
}

/** Where clients connect. */
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
            'Names the publisher, so that a reconnect can resume; without a name the server ' +
            'gives one. A name has one live connection: a newer one takes over.',
        },
      },
    },
  },
  stream: {
    path: STREAM_PATH,
    title: 'Subscribers',
    description: 'Subscriptions in; statistics and anomalies out.',
    receives: {
      AUTH: [],
      SUBSCRIBE: ['SUBSCRIBED', 'ERROR'],
      UNSUBSCRIBE: ['UNSUBSCRIBED', 'ERROR'],
      PING: ['PONG', 'ERROR'],
      VERIFY: ['DIGEST', 'ERROR'],
      HISTORY: ['HISTORY_PAGE', 'ERROR'],
    },
    sends: ['SUBSCRIBER_WELCOME', 'SYMBOLS', 'STATS', 'ANOMALY', 'HEARTBEAT', 'ERROR', 'GOAWAY'],
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

/** The endpoints with their names. */
export function listEndpoints(): readonly [EndpointName, Endpoint][] {
  return Object.entries(ENDPOINTS) as [EndpointName, Endpoint][];
}
