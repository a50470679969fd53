// A WebSocket that tampers with what passes makes a right client a wrong one. The SDK takes the
// platform's WebSocket, so this one is put there before the SDK loads.
import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';

const passOn = (value) => value;
const passFrame = (frame) => [frame];

/**
 * Has all connections of this process go through a fault. Frames of JSON pass as they are.
 *
 * @param fault.received takes a frame of the server and the socket; returns what the client gets
 * @param fault.sent takes a frame of the client and the socket; returns what goes out
 * @param fault.closed takes a close code; returns the one that the client sees
 * @param fault.url, fault.protocols take what the client connects with; return what is used
 * @param fault.options of the class `WebSocket`
 * @param fault.opened takes a socket that has just opened
 * @param fault.isStuck whether the client's attempts to close have no effect
 */
export function tamper({
  received = passFrame,
  sent = passFrame,
  closed = passOn,
  url: changeUrl = passOn,
  protocols: changeProtocols = passOn,
  options = {},
  opened = () => undefined,
  isStuck = false,
}) {
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(changeUrl(url), changeProtocols(protocols), options);
      this.once('open', () => opened(this));
    }

    set onmessage(listener) {
      super.onmessage = listener && (({ data }) => this.#deliver(data, listener));
    }

    set onclose(listener) {
      super.onclose = listener && (({ code, reason }) => listener({ code: closed(code), reason }));
    }

    send(message) {
      if (typeof message === 'string') super.send(message);
      else for (const frame of sent(decode(message), this)) this.sendFrame(frame);
    }

    sendFrame(frame) {
      super.send(encode(frame));
    }

    /** Has a frame arrive that the server never sent. */
    invent(frame) {
      this.emit('message', Buffer.from(encode(frame)), true);
    }

    close(...args) {
      if (!isStuck) super.close(...args);
    }

    terminate() {
      if (!isStuck) super.terminate();
    }

    #deliver(data, listener) {
      if (typeof data === 'string') {
        listener({ data });
        return;
      }
      for (const frame of received(decode(data), this)) {
        const { buffer, byteOffset, byteLength } = encode(frame);
        listener({ data: buffer.slice(byteOffset, byteOffset + byteLength) });
      }
    }
  };
}

/** Frames of one op become others; the rest pass. */
export function on(op, change) {
  return (frame, socket) => (frame[0] === op ? change(frame, socket) : [frame]);
}

/** Changes what the client tells the kit: each message becomes others. */
export function rewrite(change) {
  const { log } = console;
  console.log = (text) => {
    for (const message of change(JSON.parse(text))) log(JSON.stringify(message));
  };
}

/** Whether a socket is the first of its process. */
export function firstSocket() {
  let first;
  return (socket) => {
    first ??= socket;
    return socket === first;
  };
}
