import type { KeyValues } from './bus.ts';

/** Part of the lease after which a member renews it. */
const RENEW_PART = 1 / 4;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** What the others know of a member. */
export interface Member {
  readonly role: 'edge' | 'owner' | 'all';
  /** When it joined, ms since the epoch, by its own clock: for people. */
  readonly since: number;
  /** Kinds of work that it can do; one member at a time does a piece of it. */
  readonly offers?: readonly string[] | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Who is in the cluster: each member writes a key that ends after the lease unless it is renewed.
 * Read at intervals, not watched: a watch that stops says nothing.
 */
export class Members {
  /** Called with the members after each look, this one included. */
  onLook: (members: ReadonlyMap<string, Member>) => void = () => undefined;
  /** Called when the lease may have ended before it was renewed. */
  onLapse: () => void = () => undefined;
  /** By id, as of the last look. */
  known: ReadonlyMap<string, Member> = new Map();
  /** Looks and renewals that failed. */
  failures = 0;
  /** What the last of them says, until a look succeeds. */
  fault: string | undefined;
  readonly #keys: KeyValues;
  readonly #id: string;
  readonly #self: Member;
  readonly #leaseMs: number;
  /** A renewal that was stored began at this time, on the clock of `performance.now`. */
  #renewedAt = Number.POSITIVE_INFINITY;
  /** A look that succeeded began at this time, on the same clock. */
  #lookedAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(keys: KeyValues, id: string, self: Member, leaseMs: number) {
    this.#keys = keys;
    this.#id = id;
    this.#self = self;
    this.#leaseMs = leaseMs;
  }

  /** Longest time until a member sees who left, ms. */
  static lookMs(leaseMs: number): number {
    return leaseMs * RENEW_PART;
  }

  /** Time since the brokers last stored this member's lease, ms; 0 before it joins. */
  get unrenewedMs(): number {
    return Math.max(0, performance.now() - this.#renewedAt);
  }

  /** Time since this member last saw who the others are, ms; 0 before it joins. */
  get unseenMs(): number {
    return Math.max(0, performance.now() - this.#lookedAt);
  }

  /** @throws Error if the broker does not answer */
  async join(): Promise<void> {
    await this.#renew();
    await this.#look();
    this.#schedule();
  }

  /** The others need not wait for the end of the lease. */
  async leave(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#keys.delete(this.#id);
  }

  /** Whether this member, of those that offer a kind of work, is the one for a piece of it. */
  readonly isOwn = (kind: string, piece: string): boolean => {
    if (this.#isStopped) return false;
    const able = [...this.known].filter(([, { offers }]) => offers?.includes(kind) === true);
    const chosen = chosenFor(
      `${kind}/${piece}`,
      able.map(([id]) => id),
    );
    return chosen === this.#id;
  };

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#turn(), Members.lookMs(this.#leaseMs));
  }

  async #turn(): Promise<void> {
    try {
      await this.#renew();
      await this.#look();
    } catch (error) {
      this.failures++;
      this.fault = error instanceof Error ? error.message : String(error);
    }
    this.#schedule();
  }

  async #renew(): Promise<void> {
    if (this.#isStopped) return;
    const from = performance.now();
    await this.#keys.put(this.#id, encoder.encode(JSON.stringify(this.#self)));
    // The broker counts from when it stored the one before, which is not earlier than its start.
    const hasLapsed = performance.now() - this.#renewedAt > this.#leaseMs;
    this.#renewedAt = from;
    if (hasLapsed) this.onLapse();
  }

  async #look(): Promise<void> {
    const from = performance.now();
    const members = new Map<string, Member>();
    for (const [id, value] of await this.#keys.list()) {
      members.set(id, JSON.parse(decoder.decode(value)) as Member);
    }
    if (this.#isStopped) return;
    this.#lookedAt = from;
    this.fault = undefined;
    this.known = members;
    this.onLook(members);
  }
}

/** The members that may own shards. */
export function ownersAmong(members: ReadonlyMap<string, Member>): readonly string[] {
  return [...members].filter(([, { role }]) => role !== 'edge').map(([id]) => id);
}

/** Which of some owners a shard belongs to; undefined if there is none. */
export function ownerOf(shard: number, owners: readonly string[]): string | undefined {
  return chosenFor(String(shard), owners);
}

/**
 * The member with the greatest hash with a key (rendezvous hashing), so that only what was a
 * member's that comes or goes changes hands.
 */
function chosenFor(key: string, members: readonly string[]): string | undefined {
  let best: string | undefined;
  let greatest = -1;
  for (const member of members) {
    const weight = weightOf(`${member}/${key}`);
    if (weight < greatest || (weight === greatest && member < (best as string))) continue;
    greatest = weight;
    best = member;
  }
  return best;
}

function weightOf(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  // FNV-1a alone spreads texts that differ at their end badly.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
