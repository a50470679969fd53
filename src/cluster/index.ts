/** This process as a member of a cluster, and what a cluster begins with. */
export { Cluster } from './cluster.ts';
export { connectToNats } from './nats-bus.ts';
export { seedCluster } from './seed.ts';
