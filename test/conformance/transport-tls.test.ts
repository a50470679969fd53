import { onTransports } from '../support/running-server.ts';
import { overTls, STARTS, transportSuite } from './transport/suite.ts';
import { tlsSuite } from './transport/tls.ts';

// `fetch` reads its trust settings at process start only. Other test clients do check the
// certificate.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

onTransports((transport) => {
  const start = overTls(STARTS[transport]);
  transportSuite(start);
  tlsSuite(start);
});
