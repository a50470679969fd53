import type { ClusterOverview, ClusterReadings } from '../gateway/index.ts';
import type { Bus } from './bus.ts';
import type { Member } from './members.ts';
import type { ClusterNames } from './names.ts';

/** Time for members to answer, ms: one that was killed does not. */
const ANSWER_MS = 1000;

/** What a member says of a shard that it owns: shard, epoch, lag, delay, waiting outputs. */
type ShardReport = readonly [number, number, number, number, number];

interface OverviewParts {
  readonly bus: Bus;
  readonly names: ClusterNames;
  readonly id: string;
  readonly members: () => ReadonlyMap<string, Member>;
  readonly owned: () => ClusterReadings['owned'];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NO_QUESTION = new Uint8Array(0);

/** Answers what this member owns, and asks all members for it. */
export class Overview {
  readonly #parts: OverviewParts;
  #unsubscribe: () => void = () => undefined;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  start(): void {
    const { bus, id, names } = this.#parts;
    this.#unsubscribe = bus.subscribe(names.member(id), (_payload, _subject, reply) => {
      reply?.(encoder.encode(JSON.stringify(this.#report())));
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** Members that do not answer in time own nothing, as far as it says. */
  async read(): Promise<ClusterOverview> {
    const { bus, id, members, names } = this.#parts;
    const known = [...members()];
    const reports = await Promise.all(known.map(([member]) => this.#ask(member)));
    const shards = Array.from({ length: names.shards }, (_, shard) => unowned(shard));
    reports.forEach((report, i) => {
      const owner = (known[i] as (typeof known)[number])[0];
      for (const [shard, epoch, lagMessages, delayMs, waitingOutputs] of report ?? []) {
        // One that was replaced may not know it yet.
        if (epoch < (shards[shard]?.epoch ?? 0)) continue;
        shards[shard] = { shard, owner, epoch, lagMessages, delayMs, waitingOutputs };
      }
    });
    return {
      name: names.cluster,
      isConnected: bus.isConnected,
      members: known.map(([member, { role, since }], i) => ({
        id: member,
        role,
        since,
        isAnswering: reports[i] !== undefined,
        isThis: member === id,
        shards: shards.filter(({ owner }) => owner === member).length,
      })),
      shards,
    };
  }

  /** What a member owns; undefined if it does not answer. */
  async #ask(member: string): Promise<readonly ShardReport[] | undefined> {
    const { bus, id, names } = this.#parts;
    if (member === id) return this.#report();
    try {
      const answer = await bus.request(names.member(member), NO_QUESTION, ANSWER_MS);
      return JSON.parse(decoder.decode(answer)) as readonly ShardReport[];
    } catch {
      return undefined;
    }
  }

  #report(): readonly ShardReport[] {
    return [...this.#parts.owned()].map(([shard, owned]) => {
      const { delayMs, epoch, lagMessages, waitingOutputs } = owned;
      return [shard, epoch, lagMessages, delayMs, waitingOutputs];
    });
  }
}

function unowned(shard: number): ClusterOverview['shards'][number] {
  const unknown = { epoch: null, lagMessages: null, delayMs: null, waitingOutputs: null };
  return { shard, owner: null, ...unknown };
}
