/**
 * Fan-out of encoded bytes with `ws` as its documentation suggests: one `send` a record and
 * subscriber. Wire: bench/wires/records.ts.
 */
import { createServer } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { RECORD_BYTES, RECORD_HEADER_BYTES, SUBSCRIBED_TEXT } from '../wires/records.ts';

const subscribers = new Map<number, Set<WebSocket>>();
let processed = 0;

function publish(message: Buffer): void {
  for (let at = 0; at < message.length; at += RECORD_BYTES) {
    processed++;
    const sockets = subscribers.get(message.readUInt32LE(at));
    if (sockets === undefined) continue;
    const payload = message.subarray(at + RECORD_HEADER_BYTES, at + RECORD_BYTES);
    for (const socket of sockets) socket.send(payload);
  }
}

function subscribe(socket: WebSocket, message: Buffer): void {
  const symbols = JSON.parse(message.toString()) as number[];
  for (const symbol of symbols) {
    let sockets = subscribers.get(symbol);
    if (sockets === undefined) {
      sockets = new Set();
      subscribers.set(symbol, sockets);
    }
    sockets.add(socket);
  }
  socket.once('close', () => {
    for (const symbol of symbols) subscribers.get(symbol)?.delete(socket);
  });
  socket.send(SUBSCRIBED_TEXT);
}

const http = createServer((_request, response) => response.end(String(processed)));
const server = new WebSocketServer({ server: http, perMessageDeflate: false });

server.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const message = data as Buffer;
    if (isBinary) publish(message);
    else subscribe(socket, message);
  });
});

http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  if (address !== null && typeof address === 'object') console.log(`ready ${address.port}`);
});
