import { tenantOf } from '../../engine/index.ts';
import type { PublisherSession } from '../sessions/session.ts';

/** A publisher, by name, across its connections. */
export interface Publisher {
  readonly name: string;
  /** Whether the publisher chose the name. Names given by the server are not remembered. */
  readonly isNamed: boolean;
  /** The last sequence accepted; 0 if none. */
  sequence: number;
  /** The last sequence in the newest snapshot on disk; 0 if none. */
  durableSequence: number;
  /** The live connection, at most one. */
  session: PublisherSession | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether `name` may name a publisher. */
export function isPublisherName(name: string): boolean {
  return NAME.test(name);
}

/** Publishers by name. A reconnecting publisher resumes where its last connection ended. */
export class PublisherRegistry {
  readonly #publishers = new Map<string, Publisher>();
  /** Publishers without a connection. One evicted from here cannot resume. */
  readonly #offline = new OfflinePublishers();

  /** @param known names and last sequences of an earlier run, longest offline first */
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

  /**
   * The named publishers and their last accepted sequences: those offline first, tenant by tenant,
   * longest offline first.
   */
  *sequences(): Generator<[name: string, sequence: number]> {
    for (const name of this.#offline) yield [name, this.#publishers.get(name)?.sequence ?? 0];
    for (const { name, isNamed, sequence } of this.#publishers.values()) {
      if (isNamed && !this.#offline.has(name)) yield [name, sequence];
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

  /** No snapshot can be saved now. */
  notDurable(): void {
    for (const { session } of this.#publishers.values()) session?.notDurable();
  }

  /** The publisher of this name, for a new connection. */
  enter(name: string, isNamed: boolean): Publisher {
    this.#offline.delete(name);
    let publisher = this.#publishers.get(name);
    if (publisher === undefined) {
      publisher = { name, isNamed, sequence: 0, durableSequence: 0, session: undefined };
      this.#publishers.set(name, publisher);
    }
    return publisher;
  }

  /** A connection closed. Does nothing if a newer one took over. */
  leave(publisher: Publisher, session: PublisherSession): void {
    if (publisher.session !== session) return;
    publisher.session = undefined;
    if (publisher.isNamed) this.#keep(publisher.name);
    else this.#publishers.delete(publisher.name);
  }

  #keep(name: string): void {
    const evicted = this.#offline.add(name);
    if (evicted !== undefined) this.#publishers.delete(evicted);
  }
}

/** Publishers without a connection that are remembered, over all tenants. */
const OFFLINE_MAX = 65_536;

/**
 * Names of publishers without a connection, up to a maximum. Beyond it, the tenant with the most
 * names loses its longest offline one: a client that makes up names evicts only its own tenant's.
 */
export class OfflinePublishers {
  readonly #max: number;
  /** By tenant, longest offline first. */
  readonly #byTenant = new Map<string, Set<string>>();
  #size = 0;

  constructor(max = OFFLINE_MAX) {
    this.#max = max;
  }

  /** Tenant by tenant, longest offline first. */
  *[Symbol.iterator](): Generator<string> {
    for (const names of this.#byTenant.values()) yield* names;
  }

  has(name: string): boolean {
    return this.#byTenant.get(tenantOf(name))?.has(name) === true;
  }

  /** Adds a name. Returns the name evicted for it; undefined if none. */
  add(name: string): string | undefined {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.has(name) === true) return undefined;
    if (names === undefined) this.#byTenant.set(tenant, new Set([name]));
    else names.add(name);
    this.#size++;
    if (this.#size <= this.#max) return undefined;
    const [evicted] = this.#largestTenant();
    if (evicted !== undefined) this.delete(evicted);
    return evicted;
  }

  delete(name: string): void {
    const tenant = tenantOf(name);
    const names = this.#byTenant.get(tenant);
    if (names?.delete(name) !== true) return;
    this.#size--;
    if (names.size === 0) this.#byTenant.delete(tenant);
  }

  /** The names of the tenant with the most. */
  #largestTenant(): ReadonlySet<string> {
    let most: ReadonlySet<string> = new Set();
    for (const names of this.#byTenant.values()) if (names.size > most.size) most = names;
    return most;
  }
}
