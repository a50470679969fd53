import type { Cluster } from '../src/cluster/index.ts';
import { parseConfig } from '../src/config/parse-config.ts';
import type { ConfigInput } from '../src/config/schema.ts';
import type { Engine } from '../src/engine/index.ts';
import {
  createGatewayContext,
  EventLoopDelay,
  type GatewayContext,
  Health,
  PublisherRegistry,
  UNWATCHED,
} from '../src/gateway/index.ts';
import { noSnapshots, type Store } from '../src/store/index.ts';

const LOG = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields: object) => {
    throw (fields as { err?: Error }).err ?? new Error(JSON.stringify(fields));
  },
};

/**
 * A gateway's context around an engine, for parts that run without a server: no tokens, no store
 * unless one is given, defaults where `config` says nothing. An error that the gateway would log is
 * thrown.
 */
export function gatewayContext(
  engine: Engine,
  config: ConfigInput = {},
  store?: Store,
): GatewayContext {
  return contextOf(
    { engine, publishers: new PublisherRegistry(), journal: undefined },
    config,
    store,
  );
}

/** The same for a member of a cluster. */
export function memberContext(cluster: Cluster, config: ConfigInput): GatewayContext {
  return contextOf(
    { engine: cluster.engine, journal: cluster.journal, publishers: cluster.publishers, cluster },
    config,
  );
}

function contextOf(
  given: Pick<GatewayContext, 'cluster' | 'engine' | 'journal' | 'publishers'>,
  config: ConfigInput,
  store?: Store,
): GatewayContext {
  return createGatewayContext({
    config: parseConfig(config),
    log: LOG,
    version: 'test',
    store,
    snapshots: noSnapshots(),
    authenticator: undefined,
    security: UNWATCHED,
    securityCounts: undefined,
    droppedLogLines: () => 0,
    health: new Health(store),
    eventLoop: new EventLoopDelay(),
    epoch: 'test',
    ...given,
  });
}
