import { tenantOf } from '../../engine/index.ts';
import type { NameHolder } from '../sessions/session.ts';

/** The answer to a claim of a publisher's name. */
export interface PublisherClaim {
  /** Its last settled frame. */
  readonly sequence: number;
  /** Whether it was at this server before, and at no other since. */
  readonly isContinued: boolean;
}

/** Claims a publisher's name where several servers take publishers. */
export type ClaimPublisher = (name: string) => Promise<PublisherClaim>;

/** A publisher, by name, across its connections. */
export interface Publisher {
  readonly name: string;
  /** Whether the publisher chose the name. Names given by the server are not remembered. */
  readonly isNamed: boolean;
  /** For the journal: above 0, never reused; 0 if it has no name. */
  readonly id: number;
  /** The last sequence accepted; 0 if none. */
  sequence: number;
  /** Ticks of the largest frame that came here; 0 if none did. */
  frameTicks: number;
  /** Position in the journal from which on that frame is durable; infinite without a journal. */
  position: number;
  /** The last sequence known to be durable; 0 if none. */
  durableSequence: number;
  /** The live connection, or what publishes in this process; at most one. */
  session: NameHolder | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether `name` may name a publisher. */
export function isPublisherName(name: string): boolean {
  return NAME.test(name);
}

/** The journal, as far as frames are durable once it has them on disk. */
export interface FollowedJournal {
  /** Everything before it is on disk. */
  readonly syncedPosition: number;
  /** Calls `listener` after syncs that somebody wants. */
  listen(listener: (synced: number) => void): void;
  wantSynced(position: number): void;
}

/** Publishers by name. A reconnecting publisher resumes where its last connection ended. */
export class PublisherRegistry {
  readonly #publishers = new Map<string, Publisher>();
  /** Publishers without a connection. One evicted from here cannot resume. */
  readonly #offline = new OfflinePublishers();
  /** Those with a name, by id. */
  readonly #byId = new Map<number, string>();
  #lastId = 0;
  #journal: FollowedJournal | undefined;
  /** Sessions with frames that the journal does not have on disk yet. */
  readonly #unsynced = new Set<NameHolder>();

  /** @param known names and last sequences of an earlier run, longest offline first */
  constructor(known: Iterable<readonly [name: string, sequence: number]> = []) {
    for (const [name, sequence] of known) {
      this.#create(name, true, sequence);
      this.#keep(name);
    }
  }

  #create(name: string, isNamed: boolean, sequence: number): Publisher {
    const publisher: Publisher = {
      name,
      isNamed,
      id: isNamed ? ++this.#lastId : 0,
      sequence,
      frameTicks: 0,
      position: Number.POSITIVE_INFINITY,
      durableSequence: sequence,
      session: undefined,
    };
    this.#publishers.set(name, publisher);
    if (isNamed) this.#byId.set(publisher.id, name);
    return publisher;
  }

  /** The name of a publisher, by its id. */
  nameOf(id: number): string {
    const name = this.#byId.get(id);
    if (name === undefined) throw new RangeError(`no publisher has id ${id}`);
    return name;
  }

  /** Frames are durable once this journal has them on disk. */
  follow(journal: FollowedJournal): void {
    this.#journal = journal;
    journal.listen((synced) => {
      for (const session of this.#unsynced) {
        if (session.synced(synced)) this.#unsynced.delete(session);
      }
    });
  }

  /** Tells a session by {@link NameHolder.synced} when its frames are on disk. */
  awaitSync(session: NameHolder, position: number): void {
    this.#unsynced.add(session);
    this.#journal?.wantSynced(position);
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
      if (sequence <= publisher.durableSequence) continue;
      publisher.durableSequence = sequence;
      publisher.session?.madeDurable();
    }
  }

  /** Nothing can be saved now. */
  notDurable(): void {
    for (const { session } of this.#publishers.values()) session?.notDurable();
  }

  /**
   * The publisher of this name, for a new connection.
   *
   * @param claim what other servers know of it; undefined: there are none
   */
  enter(name: string, isNamed: boolean, claim?: PublisherClaim): Publisher {
    this.#offline.delete(name);
    const publisher = this.#publishers.get(name);
    if (publisher === undefined) return this.#create(name, isNamed, claim?.sequence ?? 0);
    if (claim?.isContinued === false) {
      // What was accepted here before and is not settled is sent again.
      publisher.sequence = claim.sequence;
      publisher.durableSequence = claim.sequence;
      publisher.position = 0;
      return publisher;
    }
    const synced = this.#journal?.syncedPosition ?? 0;
    if (publisher.position <= synced) publisher.durableSequence = publisher.sequence;
    return publisher;
  }

  /** A publisher of this name has connected to another server. */
  takenOver(name: string): void {
    this.#publishers.get(name)?.session?.takenOver();
  }

  /** A connection closed. Does nothing if a newer one took over. */
  leave(publisher: Publisher, session: NameHolder): void {
    this.#unsynced.delete(session);
    if (publisher.session !== session) return;
    publisher.session = undefined;
    if (publisher.isNamed) this.#keep(publisher.name);
    else this.#publishers.delete(publisher.name);
  }

  #keep(name: string): void {
    const evicted = this.#offline.add(name);
    if (evicted === undefined) return;
    this.#byId.delete(this.#publishers.get(evicted)?.id ?? 0);
    this.#publishers.delete(evicted);
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
