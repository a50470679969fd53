/**
 * The op numbers of protocol version 1: the first element of every frame.
 *
 * 10 to 15 are reserved for clients; everything above 33 for servers.
 */
export const Op = {
  AUTH: 1,
  ALIAS: 2,
  TICKS: 3,
  SUBSCRIBE: 4,
  UNSUBSCRIBE: 5,
  PING: 6,
  VERIFY: 7,
  HISTORY: 8,
  ALERT_HISTORY: 9,
  WELCOME: 16,
  ACK: 17,
  REJECT: 18,
  SUBSCRIBED: 19,
  STATS: 20,
  ANOMALY: 21,
  SYMBOLS: 22,
  UNSUBSCRIBED: 23,
  HEARTBEAT: 24,
  PONG: 25,
  DIGEST: 26,
  HISTORY_PAGE: 27,
  ALERT: 28,
  RULES: 29,
  ERROR: 30,
  GOAWAY: 31,
  ALERT_PAGE: 32,
  RETIRED: 33,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** The protocol version that `WELCOME` announces. */
export const PROTOCOL_VERSION = 1;

/** The WebSocket subprotocols, by encoding. */
export const SUBPROTOCOL_BINARY = 'tickwire.v1';
export const SUBPROTOCOL_JSON = 'tickwire.v1.json';

/** The endpoint of each kind of session. */
export const PUBLISH_PATH = '/v1/publish';
export const STREAM_PATH = '/v1/stream';
