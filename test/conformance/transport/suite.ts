import { afterAll } from 'vitest';
import { startNodeTransport } from '../../../src/gateway/transport/node-transport.ts';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { loadUws } from '../../../src/gateway/transport/uws-loader.ts';
import { startUwsTransport } from '../../../src/gateway/transport/uws-transport.ts';
import type { TransportName } from '../../support/running-server.ts';
import { forgetTlsPorts, speakTls, testPair } from '../../support/tls.ts';
import { abilitiesSuite } from './abilities.ts';
import { backpressureSuite } from './backpressure.ts';
import { closingSuite } from './closing.ts';
import { faultsSuite } from './faults.ts';
import { httpSuite } from './http.ts';
import { lifecycleSuite } from './lifecycle.ts';
import { messagesSuite } from './messages.ts';
import { streamsSuite } from './streams.ts';
import { upgradesSuite } from './upgrades.ts';

const load = loadUws();

export const STARTS: Readonly<Record<TransportName, StartTransport>> = {
  node: startNodeTransport,
  uws: (options, handlers) => {
    if (!load.loaded) throw new Error(load.reasons.join('; '));
    return startUwsTransport(load.uws, options, handlers);
  },
};

export function overTls(start: StartTransport): StartTransport {
  afterAll(forgetTlsPorts);
  return async (options, handlers) => {
    const transport = await start({ ...options, tls: testPair('first') }, handlers);
    speakTls(transport.port);
    return transport;
  };
}

/** Requirements on every transport; the single definition of the seam. */
export function transportSuite(start: StartTransport): void {
  upgradesSuite(start);
  messagesSuite(start);
  backpressureSuite(start);
  closingSuite(start);
  faultsSuite(start);
  httpSuite(start);
  streamsSuite(start);
  abilitiesSuite(start);
  lifecycleSuite(start);
}
