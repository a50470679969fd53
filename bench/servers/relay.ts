/**
 * A near-minimal relay on uWebSockets.js: at once, and in one message, it forwards what a
 * publisher's message holds for a session. Wire: bench/wires/records.ts.
 */
import { PAYLOAD_BYTES, RECORD_BYTES, SUBSCRIBED_TEXT } from '../wires/records.ts';
import { loadNative, type NativeApp, type NativeSocket, serveNative } from './native-server.ts';

const SYMBOL_BYTES = RECORD_BYTES - PAYLOAD_BYTES;

const uws = loadNative();
const app = uws.App() as NativeApp;
/** By symbol index. */
const subscribers: Session[][] = [];
const touched: Session[] = [];
let processed = 0;

class Session {
  #outgoing = Buffer.allocUnsafe(4096);
  #length = 0;
  #socket: NativeSocket | undefined;

  message(socket: NativeSocket, data: ArrayBuffer, isBinary: boolean): void {
    this.#socket = socket;
    if (isBinary) relay(Buffer.from(data));
    else this.#subscribe(JSON.parse(Buffer.from(data).toString()) as number[]);
  }

  close(): void {
    this.#socket = undefined;
  }

  /** Adds the payload at `start`. */
  add(message: Buffer, start: number): void {
    if (this.#length === 0) touched.push(this);
    if (this.#length + PAYLOAD_BYTES > this.#outgoing.length) {
      this.#outgoing = Buffer.concat([this.#outgoing, Buffer.alloc(this.#outgoing.length)]);
    }
    message.copy(this.#outgoing, this.#length, start, start + PAYLOAD_BYTES);
    this.#length += PAYLOAD_BYTES;
  }

  send(): void {
    this.#socket?.send(this.#outgoing.subarray(0, this.#length), true);
    this.#length = 0;
  }

  #subscribe(symbols: readonly number[]): void {
    for (const symbol of symbols) {
      subscribers[symbol] ??= [];
      subscribers[symbol].push(this);
    }
    this.#socket?.send(SUBSCRIBED_TEXT, false);
  }
}

function relay(message: Buffer): void {
  for (let at = 0; at < message.length; at += RECORD_BYTES) {
    const sessions = subscribers[message.readUInt32LE(at)] ?? [];
    for (const session of sessions) session.add(message, at + SYMBOL_BYTES);
  }
  for (const session of touched) session.send();
  touched.length = 0;
  processed += message.length / RECORD_BYTES;
}

serveNative(uws, app, { openSession: () => new Session(), processed: () => processed });
