import { NatsServers } from '../../testkit/nats-server.ts';
import { DurableServer } from './durable-server.ts';

/** An owner that is not heard of for so long loses its shards, ms. */
export const LEASE_MS = 2000;
const BROKERS = 3;
const OWNERS = 3;
const EDGES = 2;
/** Said where the broker that was to store a claim had been killed: the owner tries again. */
const RETRIED = /"a shard was not taken over"/;
const FLAGS = [
  '--cluster.shards=16',
  `--cluster.replicas=${BROKERS}`,
  `--cluster.leaseMs=${LEASE_MS}`,
  '--processing.partitions=1',
  '--server.drainMs=2000',
  '--server.goawayJitterMs=200',
  '--store.snapshotIntervalMs=2000',
  '--stream.slowSessionCloseMs=15000',
  // As many as the log of outputs keeps: an edge that was killed knows them again.
  '--stream.recentAnomaliesPerSymbol=1024',
];

/** A cluster on this machine: brokers that keep each log three times, owners and edges. */
export class ClusterMembers {
  readonly brokers: NatsServers;
  readonly owners: readonly DurableServer[];
  readonly edges: readonly DurableServer[];

  private constructor(
    brokers: NatsServers,
    owners: readonly DurableServer[],
    edges: readonly DurableServer[],
  ) {
    this.brokers = brokers;
    this.owners = owners;
    this.edges = edges;
    for (const owner of owners) owner.excuse = RETRIED;
  }

  /**
   * Starts all, and waits until they are ready.
   *
   * @param command of nats-server
   * @throws Error when one is not ready in time; the message has the end of its output
   */
  static async start(command: string): Promise<ClusterMembers> {
    const brokers = await NatsServers.start(command, BROKERS);
    const create = (role: string) =>
      DurableServer.create([
        ...FLAGS,
        `--cluster.role=${role}`,
        `--cluster.servers=${brokers.addresses}`,
      ]);
    const owners = await Promise.all(Array.from({ length: OWNERS }, () => create('owner')));
    const edges = await Promise.all(Array.from({ length: EDGES }, () => create('edge')));
    const members = new ClusterMembers(brokers, owners, edges);
    try {
      await Promise.all(members.all.map((member) => member.start()));
    } catch (error) {
      await members.remove();
      throw error;
    }
    return members;
  }

  get all(): readonly DurableServer[] {
    return [...this.owners, ...this.edges];
  }

  /** How a member is called in reports. */
  nameOf(member: DurableServer): string {
    const owner = this.owners.indexOf(member);
    return owner < 0 ? `edge ${this.edges.indexOf(member)}` : `owner ${owner}`;
  }

  /** Ends all at once, and removes what they stored. */
  async remove(): Promise<void> {
    await Promise.all(this.all.map((member) => member.remove()));
    await this.brokers.stop();
  }
}
