import { tenantOf } from '../../engine/index.ts';
import type { PublisherSession } from '../sessions/session.ts';

/** What is known of a publisher's name beyond its connections. */
export interface Publisher {
  readonly name: string;
  /** Whether the publisher named itself; the names that the server gives are not remembered. */
  readonly isNamed: boolean;
  /** The last sequence accepted; 0 if none. */
  sequence: number;
  /** The last sequence that the newest snapshot on disk has; 0 if none. */
  durableSequence: number;
  /** The live connection, at most one. */
  session: PublisherSession | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether `name` may name a publisher. */
export function isPublisherName(name: string): boolean {
  return NAME.test(name);
}

/** Publishers by name: what makes a reconnect resume where the connection before it ended. */
export class PublisherRegistry {
  readonly #publishers = new Map<string, Publisher>();
  /** Without a connection. One that is pushed out of these is forgotten, and may not resume. */
  readonly #gone = new OfflinePublishers();

  /** @param known names and last sequences of an earlier run, longest gone first */
  constructor(known: Iterable<readonly [name: string, sequence: number]> = []) {
    for (const [name, sequence] of known) {
      this.#publishers.set(name, {
        name,
        isNamed: true,
        sequence,
        durableSequence: sequence,
        session: undefined,
      });
      this.#keep(name);
    }
  }

  /** The named publishers and their last accepted sequences: those without a connection first, longest gone first of each tenant. */
  *sequences(): Generator<[name: string, sequence: number]> {
    for (const name of this.#gone) yield [name, this.#publishers.get(name)?.sequence ?? 0];
    for (const { name, isNamed, sequence } of this.#publishers.values()) {
      if (isNamed && !this.#gone.has(name)) yield [name, sequence];
    }
  }

  /** A snapshot with these sequences is on disk. */
  madeDurable(sequences: Iterable<readonly [name: string, sequence: number]>): void {
    for (const [name, sequence] of sequences) {
      const publisher = this.#publishers.get(name);
      if (publisher === undefined) continue;
      publisher.durableSequence = sequence;
      publisher.session?.madeDurable();
    }
  }

  /** The publisher of a name, for a connection that begins. */
  enter(name: string, isNamed: boolean): Publisher {
    this.#gone.delete(name);
    let publisher = this.#publishers.get(name);
    if (publisher === undefined) {
      publisher = { name, isNamed, sequence: 0, durableSequence: 0, session: undefined };
      this.#publishers.set(name, publisher);
    }
    return publisher;
  }

  /** A connection ended; does nothing when a newer one took over. */
  leave(publisher: Publisher, session: PublisherSession): void {
    if (publisher.session !== session) return;
    publisher.session = undefined;
    if (publisher.isNamed) this.#keep(publisher.name);
    else this.#publishers.delete(publisher.name);
  }

  #keep(name: string): void {
    const forgotten = this.#gone.add(name);
    if (forgotten !== undefined) this.#publishers.delete(forgotten);
  }
}

/** Names remembered of publishers without a connection; see {@link OfflinePublishers}. */
const GONE_MAX = 65_536;

/**
 * The names of publishers without a connection, so many at most. Beyond, the tenant that has most of them loses the one that is
 * longest gone: whoever makes up names pushes out none but its own tenant's.
 */
export class OfflinePublishers {
  readonly #max: number;
  /** Of each tenant that has any, longest gone first. */
  readonly #byTenant = new Map<string, Set<string>>();
  #size = 0;

  constructor(max = GONE_MAX) {
    this.#max = max;
  }

  /** Tenant by tenant, longest gone first. */
  *[Symbol.iterator](): Generator<string> {
    for (const names of this.#byTenant.values()) yield* names;
  }

  has(name: string): boolean {
    return this.#byTenant.get(tenantOf(name))?.has(name) === true;
  }

  /** Adds one. Returns the name that is forgotten for it; undefined where there is room, or it was among them. */
  add(name: string): string | undefined {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.has(name) === true) return undefined;
    if (names === undefined) this.#byTenant.set(tenant, new Set([name]));
    else names.add(name);
    this.#size++;
    if (this.#size <= this.#max) return undefined;
    const [longest] = this.#most();
    if (longest !== undefined) this.delete(longest);
    return longest;
  }

  delete(name: string): void {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.delete(name) !== true) return;
    this.#size--;
    if (names.size === 0) this.#byTenant.delete(tenant);
  }

  /** Those of the tenant that has most. */
  #most(): ReadonlySet<string> {
    let most: ReadonlySet<string> = new Set();
    for (const names of this.#byTenant.values()) if (names.size > most.size) most = names;
    return most;
  }
}
