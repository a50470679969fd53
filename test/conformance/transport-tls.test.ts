import { afterAll, beforeAll } from 'vitest';
import { onTransports } from '../support/running-server.ts';
import { overTls, STARTS, transportSuite } from './transport/suite.ts';
import { tlsSuite } from './transport/tls.ts';

// `fetch` reads its trust settings from the environment alone. Other test clients do check the
// certificate.
beforeAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
});
afterAll(() => {
  // Files share processes.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
});

onTransports((transport) => {
  const start = overTls(STARTS[transport]);
  transportSuite(start);
  tlsSuite(start);
});
