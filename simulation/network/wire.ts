import { Packr, Unpackr } from 'msgpackr';

/** A decoded frame. */
export type WireFrame = readonly unknown[];

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** What a client sends: JSON texts where `json`. */
export function encodeMessage(frame: WireFrame, json: boolean): Uint8Array | string {
  // A copy: the packer uses its buffer again.
  return json ? JSON.stringify(frame) : new Uint8Array(packr.pack(frame));
}

export function decodeMessage(message: Uint8Array | string): WireFrame {
  const frame: unknown =
    typeof message === 'string' ? JSON.parse(message) : unpackr.unpack(message);
  return frame as WireFrame;
}

/** The ops, as the protocol's table has them. */
export const Op = {
  ALIAS: 2,
  TICKS: 3,
  SUBSCRIBE: 4,
  UNSUBSCRIBE: 5,
  PING: 6,
  VERIFY: 7,
  HISTORY: 8,
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
  ERROR: 30,
  GOAWAY: 31,
} as const;
