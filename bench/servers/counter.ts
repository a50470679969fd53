/*
 * The floor of taking messages in: uWebSockets.js hands each to JavaScript, which counts it and
 * does not look inside.
 */
import { loadNative, type NativeApp, serveNative } from './native-server.ts';

const uws = loadNative();
let messages = 0;
const session = {
  message: () => {
    messages++;
  },
};

serveNative(uws, uws.App() as NativeApp, { openSession: () => session, processed: () => messages });
