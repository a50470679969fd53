/**
 * What uWebSockets.js itself can do: native publish of each record's payload to its symbol's
 * subscribers, nothing computed. Wire: bench/wires/records.ts.
 */
import { PAYLOAD_BYTES, RECORD_BYTES, SUBSCRIBED_TEXT } from '../wires/records.ts';
import { loadNative, type NativeApp, type NativeSocket, serveNative } from './native-server.ts';

const WORDS_PER_RECORD = RECORD_BYTES / 4;
const WORDS_PER_PAYLOAD = PAYLOAD_BYTES / 4;

const uws = loadNative();
const app = uws.App() as NativeApp;
/** Topics by symbol index: no string is built an update. */
const topics: string[] = [];
// Publish copies: one buffer serves all updates.
const payload = new Uint8Array(PAYLOAD_BYTES);
const payloadWords = new Uint32Array(payload.buffer);
let processed = 0;

function publish(data: ArrayBuffer): void {
  const words = new Uint32Array(data);
  for (let at = 0; at < words.length; at += WORDS_PER_RECORD) {
    for (let i = 0; i < WORDS_PER_PAYLOAD; i++) payloadWords[i] = words[at + 1 + i] as number;
    app.publish(topicOf(words[at] as number), payload, true);
  }
  processed += words.length / WORDS_PER_RECORD;
}

function subscribe(socket: NativeSocket, data: ArrayBuffer): void {
  const symbols = JSON.parse(Buffer.from(data).toString()) as number[];
  for (const symbol of symbols) socket.subscribe(topicOf(symbol));
  socket.send(SUBSCRIBED_TEXT, false);
}

function topicOf(symbol: number): string {
  topics[symbol] ??= String(symbol);
  return topics[symbol];
}

const session = {
  message: (socket: NativeSocket, data: ArrayBuffer, isBinary: boolean) => {
    if (isBinary) publish(data);
    else subscribe(socket, data);
  },
};

serveNative(uws, app, { openSession: () => session, processed: () => processed });
