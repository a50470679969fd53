import { ClusterNames } from './names.ts';

/**
 * `tickwire cluster mapping`: what the configuration of NATS servers has to have for programs that
 * publish to `feed.<symbol>`.
 */
export function feedMapping(cluster: string, shards: number): string {
  const names = new ClusterNames(cluster, shards);
  const { mapped, source } = names.feedMapping;
  return `# Ticks from NATS clients for the Tickwire cluster "${cluster}" with ${shards} shards.
# In the block of the account that the cluster uses; at the top level if there are no accounts.
mappings = {
  ${JSON.stringify(source)}: ${JSON.stringify(mapped)}
}
# NATS checks what a client may publish behind the mapping. A user that may publish ticks of all
# symbols, or of one, and nothing else of the cluster:
#   permissions: { publish: ${JSON.stringify(names.allFeeds)} }
#   permissions: { publish: ${JSON.stringify(names.feedOfAnyShard('BTC-USD'))} }`;
}
