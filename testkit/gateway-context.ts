import { parseConfig } from '../src/config/parse-config.ts';
import type { ConfigInput } from '../src/config/schema.ts';
import type { Engine } from '../src/engine/index.ts';
import {
  createGatewayContext,
  type GatewayContext,
  Health,
  UNWATCHED,
} from '../src/gateway/index.ts';
import { noSnapshots } from '../src/store/index.ts';

const LOG = {
  warn: () => undefined,
  error: (fields: object) => {
    throw (fields as { err?: unknown }).err ?? new Error(JSON.stringify(fields));
  },
};

/**
 * A gateway's context around an engine, for parts that run without a server: no store, no tokens,
 * defaults where `config` says nothing. An error that the gateway would log is thrown.
 */
export function gatewayContext(engine: Engine, config: ConfigInput = {}): GatewayContext {
  return createGatewayContext({
    config: parseConfig(config),
    engine,
    log: LOG,
    version: 'test',
    store: undefined,
    snapshots: noSnapshots(),
    authenticator: undefined,
    security: UNWATCHED,
    securityCounts: undefined,
    health: new Health(),
    publishers: [],
    subscriptionsReserved: 4096,
  });
}
