import { OwnServer } from '../../loadgen/own-server.ts';
import { parseMetrics } from '../../testkit/metrics.ts';
import { NatsServers } from '../../testkit/nats-server.ts';
import type { ServerAddress } from '../load/publisher-connection.ts';
import type { Parts } from './cpu-meter.ts';
import type { ClusterRun } from './experiment.ts';

/** Of members, and of the single process beside them: as fast as can be, and quiet. */
const FLAGS = ['--processing.partitions=1', '--processing.overflow=wait', '--log.level=warn'];

/** A cluster on this machine: each broker, owner and edge is a process of its own. */
export class LiveCluster {
  readonly owners: OwnServer[] = [];
  readonly edges: OwnServer[] = [];
  readonly shards: number;
  readonly #brokers: NatsServers;
  readonly #flags: readonly string[];

  /**
   * Starts brokers, owners and edges, runs `measure`, and always cleans up.
   *
   * @param size of owners and edges to begin with
   */
  static async run<T>(
    run: ClusterRun,
    size: { readonly shards: number; readonly owners: number; readonly edges: number },
    measure: (cluster: LiveCluster) => Promise<T>,
  ): Promise<T> {
    run.signal.throwIfAborted();
    const brokers = await NatsServers.start(run.natsServer, run.brokers);
    const cluster = new LiveCluster(brokers, run, size.shards);
    try {
      for (let i = 0; i < size.owners; i++) await cluster.addOwner();
      for (let i = 0; i < size.edges; i++) await cluster.addEdge();
      return await measure(cluster);
    } finally {
      await Promise.all([...cluster.edges, ...cluster.owners].map((member) => member.stop()));
      await brokers.stop();
    }
  }

  private constructor(brokers: NatsServers, { leaseMs }: ClusterRun, shards: number) {
    this.#brokers = brokers;
    this.shards = shards;
    this.#flags = [
      ...FLAGS,
      `--cluster.servers=${brokers.addresses}`,
      `--cluster.shards=${shards}`,
      `--cluster.replicas=${brokers.pids.length}`,
      `--cluster.leaseMs=${leaseMs}`,
    ];
  }

  /** Processes by role, where the first edge ingests and the second one serves. */
  get roles(): Parts {
    const [ingest, serve] = this.edges.map(({ pid }) => [pid]);
    const owner = this.owners.map(({ pid }) => pid);
    return { ingest: ingest ?? [], owner, serve: serve ?? [], broker: this.brokerPids };
  }

  get brokerPids(): readonly number[] {
    return this.#brokers.pids;
  }

  addOwner(): Promise<OwnServer> {
    return this.#add('owner', this.owners);
  }

  /** It is ready once all shards have owners. */
  addEdge(): Promise<OwnServer> {
    return this.#add('edge', this.edges);
  }

  async removeEdge(): Promise<void> {
    await this.edges.pop()?.stop();
  }

  /** Puts a new owner in the place of one that ended. */
  async replaceOwner(index: number): Promise<void> {
    await this.owners[index]?.stop();
    this.owners[index] = await OwnServer.start([...this.#flags, '--cluster.role=owner']);
  }

  async #add(role: 'owner' | 'edge', members: OwnServer[]): Promise<OwnServer> {
    const member = await OwnServer.start([...this.#flags, `--cluster.role=${role}`]);
    members.push(member);
    return member;
  }
}

/** A server that is no member of a cluster, with a store, beside which clusters are measured. */
export function startSingle(): Promise<OwnServer> {
  return OwnServer.start(FLAGS);
}

export function addressOf({ url }: OwnServer): ServerAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Reads metrics of a server: the value of one without labels, 0 where it is absent. */
export async function metricsOf(server: OwnServer): Promise<(name: string) => number> {
  const { host, port } = addressOf(server);
  const response = await fetch(`http://${host}:${port}/metrics`);
  const metrics = parseMetrics(await response.text());
  return (name) => metrics.get(name) ?? 0;
}
