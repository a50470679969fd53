import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { backpressureSuite } from './backpressure.ts';
import { closingSuite } from './closing.ts';
import { faultsSuite } from './faults.ts';
import { httpSuite } from './http.ts';
import { lifecycleSuite } from './lifecycle.ts';
import { messagesSuite } from './messages.ts';
import { upgradesSuite } from './upgrades.ts';

/** Requirements on every transport; the single definition of the seam. */
export function transportSuite(start: StartTransport): void {
  upgradesSuite(start);
  messagesSuite(start);
  backpressureSuite(start);
  closingSuite(start);
  faultsSuite(start);
  httpSuite(start);
  lifecycleSuite(start);
}
