import { describe } from 'vitest';
import { startNodeTransport } from '../../src/gateway/transport/node-transport.ts';
import type { StartTransport } from '../../src/gateway/transport/transport.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { startUwsTransport } from '../../src/gateway/transport/uws-transport.ts';
import { testPair } from '../support/certificates.ts';
import { speakTls } from '../support/secure-ports.ts';
import { transportSuite } from './transport/suite.ts';
import { tlsSuite } from './transport/tls.ts';

// What `fetch` trusts can only be said when a process starts. The other clients of these tests do check the certificate.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

function overTls(start: StartTransport): StartTransport {
  return async (options, handlers) => {
    const transport = await start({ ...options, tls: testPair('first') }, handlers);
    speakTls(transport.port);
    return transport;
  };
}

function suite(start: StartTransport): void {
  transportSuite(overTls(start));
  tlsSuite(overTls(start));
}

const load = loadUws();
const missing = load.loaded ? '' : `uWebSockets.js does not load: ${load.reasons.join('; ')}`;

// As for the suite without TLS.
describe.skipIf(!load.loaded && !process.env.CI)(missing ? `uws (${missing})` : 'uws', () => {
  suite((options, handlers) => {
    if (!load.loaded) throw new Error(missing);
    return startUwsTransport(load.uws, options, handlers);
  });
});

describe('node', () => suite(startNodeTransport));
