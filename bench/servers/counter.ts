/** Ingest floor: JavaScript counts each message of uWebSockets.js without looking inside. */
import { loadNative, type NativeApp, serveNative } from './native-server.ts';

const uws = loadNative();
let messages = 0;
const session = {
  message: () => {
    messages++;
  },
};

serveNative(uws, uws.App() as NativeApp, { openSession: () => session, processed: () => messages });
