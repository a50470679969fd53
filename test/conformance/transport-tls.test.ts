import { onTransports } from '../support/running-server.ts';
import { overTls, STARTS } from './transport/start.ts';
import { transportSuite } from './transport/suite.ts';
import { tlsSuite } from './transport/tls.ts';

// What `fetch` trusts can only be said when a process starts. The other clients of these tests do check the certificate.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

onTransports((transport) => {
  const start = overTls(STARTS[transport]);
  transportSuite(start);
  tlsSuite(start);
});
