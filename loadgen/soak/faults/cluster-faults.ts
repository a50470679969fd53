import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../testkit/random.ts';
import type { TcpProxy } from '../../../testkit/tcp-proxy.ts';
import { type ClusterMembers, LEASE_MS } from '../cluster-members.ts';
import type { DurableServer } from '../durable-server.ts';
import type { PublisherHost } from '../publisher-host.ts';

export const CLUSTER_FAULTS = [
  'owner killed',
  'owner paused beyond its lease',
  'owner stopped as planned',
  'edge killed',
  'edge stopped as planned',
  'broker killed',
  'owner and broker killed',
  'publisher killed',
  'line cut',
] as const;
export type ClusterFault = (typeof CLUSTER_FAULTS)[number];

/** Up to so much beyond a lease, ms: others take over before the one that is away comes back. */
const AWAY_MS_MAX = 2 * LEASE_MS;
const PUBLISHER_AWAY_MS_MAX = 500;
const BROKERS = 3;

/** What faults are done to. */
export interface ClusterTargets {
  readonly members: ClusterMembers;
  readonly publishers: readonly PublisherHost[];
  /** The line of some clients to the second edge. */
  readonly proxy: TcpProxy;
  readonly random: Random;
  readonly violate: (message: string) => void;
}

/** The seeded faults of a cluster, in turns: each comes about once before any does again. */
export class ClusterFaults {
  /** How often each was done. */
  readonly counts = new Map<ClusterFault, number>();
  readonly #targets: ClusterTargets;
  #turns: ClusterFault[] = [];

  constructor(targets: ClusterTargets) {
    this.#targets = targets;
  }

  /**
   * Does the next one, and undoes it: what was ended was started again.
   *
   * @param areFirstSpared whether the first owner and the first edge must stay
   */
  async next(areFirstSpared: boolean): Promise<ClusterFault> {
    const { random } = this.#targets;
    if (this.#turns.length === 0) {
      const order = random.sample(CLUSTER_FAULTS.length, CLUSTER_FAULTS.length);
      this.#turns = order.map((i) => CLUSTER_FAULTS[i] as ClusterFault);
    }
    const fault = this.#turns.pop() as ClusterFault;
    await this.#do(fault, areFirstSpared);
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    return fault;
  }

  async #do(fault: ClusterFault, areFirstSpared: boolean): Promise<void> {
    const { members, publishers, proxy, random } = this.#targets;
    const one = (of: readonly DurableServer[]) => {
      const from = areFirstSpared ? 1 : 0;
      return of[from + random.below(of.length - from)] as DurableServer;
    };
    if (fault === 'owner killed') await this.#end(one(members.owners), 'SIGKILL');
    else if (fault === 'owner stopped as planned') await this.#end(one(members.owners), 'SIGTERM');
    else if (fault === 'edge killed') await this.#end(one(members.edges), 'SIGKILL');
    else if (fault === 'edge stopped as planned') await this.#end(one(members.edges), 'SIGTERM');
    else if (fault === 'broker killed') await this.#endBroker();
    else if (fault === 'owner and broker killed') {
      await Promise.all([this.#end(one(members.owners), 'SIGKILL'), this.#endBroker()]);
    } else if (fault === 'publisher killed') {
      const publisher = random.pick(publishers);
      await publisher.kill();
      await sleep(random.below(PUBLISHER_AWAY_MS_MAX));
      publisher.spawn();
    } else if (fault === 'line cut') proxy.cut();
    else {
      const owner = one(members.owners);
      owner.signal('SIGSTOP');
      await sleep(LEASE_MS + random.below(AWAY_MS_MAX));
      owner.signal('SIGCONT');
    }
  }

  async #end(member: DurableServer, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { members, random, violate } = this.#targets;
    const { exit } = await member.end(signal);
    if (signal === 'SIGTERM' && exit !== 0) {
      violate(`a planned stop of ${members.nameOf(member)} ended with ${exit}`);
    }
    await sleep(random.below(AWAY_MS_MAX));
    await member.start();
  }

  async #endBroker(): Promise<void> {
    const { members, random } = this.#targets;
    const index = random.below(BROKERS);
    await members.brokers.kill(index);
    await sleep(random.below(AWAY_MS_MAX));
    await members.brokers.restart(index);
  }
}
