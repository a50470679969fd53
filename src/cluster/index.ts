/** This process as a member of a cluster. */
export { Cluster } from './cluster.ts';
export { connectToNats } from './nats-bus.ts';
