import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { PAYLOAD_BYTES, RECORD_BYTES, RECORD_HEADER_BYTES } from '../wires/records.ts';

/**
 * Fan-out of encoded bytes by socket.io on its bundled engine: a room a symbol. Long polling,
 * compression and the browser client are off.
 */

/** Largest publisher event, bytes. */
const EVENT_MAX = 16 * 2 ** 20;

let processed = 0;

const http = createServer((request, response) => {
  if (request.url !== '/processed') response.statusCode = 404;
  response.end(String(processed));
});
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  maxHttpBufferSize: EVENT_MAX,
});

io.on('connection', (socket) => {
  socket.on('join', async (symbols: readonly number[], acknowledge: () => void) => {
    await socket.join(symbols.map(String));
    acknowledge();
  });

  // Records in Base64; payloads go out as attachments without another copy.
  socket.on('updates', (encoded: string) => {
    const records = Buffer.from(encoded, 'base64');
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const payloadAt = at + RECORD_HEADER_BYTES;
      io.to(String(records.readUInt32LE(at))).emit(
        'update',
        records.subarray(payloadAt, payloadAt + PAYLOAD_BYTES),
      );
    }
    processed += records.length / RECORD_BYTES;
  });
});

http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  if (typeof address === 'object') console.log(`ready ${address?.port}`);
});

process.once('SIGTERM', () => process.exit(0));
