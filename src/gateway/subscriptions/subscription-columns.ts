import {
  type Float64Column,
  float64Column,
  type Int32Column,
  int32Column,
  type Uint8Column,
  type Uint16Column,
  uint8Column,
  uint16Column,
} from './growing-column.ts';

/** No subscription: the end of a list, and the result of a search that finds nothing. */
export const NONE = -1;

/** The last record of a kind of a subscription without interest in it. */
export const NO_RECORDS = -1;

/** What the engine raises, and each session gets in full. */
export type RecordKindName = 'anomalies' | 'alerts';

/** Sequences after which records of a symbol are sent; undefined: from now on. */
export type RecordsSince = Readonly<Record<RecordKindName, number | undefined>>;

/**
 * The subscriptions of all sessions, in columns by number: 56 bytes each, 4 of them for the index.
 * Numbers are reused. The columns never shrink.
 *
 * A column is another array after {@link allocate}. One that was read before holds the same memory,
 * but not the rows that were added.
 */
export class SubscriptionColumns {
  /** Negative: a symbol that does not exist yet (pending-symbols.ts). */
  symbolIds: Int32Column;
  /** Number of the session. */
  sessions: Int32Column;
  /** Version of the symbol sent last; NO_VERSION before the first entry. */
  versions: Int32Column;
  /** Sequences of the anomaly and the alert sent last; {@link NO_RECORDS} if none are wanted. */
  lastAnomalies: Float64Column;
  lastAlerts: Float64Column;
  /** Mask of the statistics wanted by all matching patterns; 0: none. */
  fields: Uint8Column;
  /** Interest of the session's exact pattern for this symbol (interest.ts). */
  exactInterests: Uint16Column;
  /** Sent and pending parts (session-subscriptions.ts). */
  flags: Uint8Column;
  /** Index among the subscriptions to the symbol. */
  positions: Int32Column;
  nextInBucket: Int32Column;
  nextOfSession: Int32Column;
  nextStats: Int32Column;
  nextAnomalies: Int32Column;
  nextAlerts: Int32Column;
  /** Subscriptions in use. */
  size = 0;
  readonly #reserved: number;
  #used = 0;
  /** Numbers to reuse: a list through `nextOfSession`. */
  #free = NONE;

  /** @param reserved subscriptions that columns hold before growing copies them */
  constructor(reserved: number) {
    this.#reserved = reserved;
    this.symbolIds = int32Column(reserved);
    this.sessions = int32Column(reserved);
    this.versions = int32Column(reserved);
    this.lastAnomalies = float64Column(reserved);
    this.lastAlerts = float64Column(reserved);
    this.fields = uint8Column(reserved);
    this.exactInterests = uint16Column(reserved);
    this.flags = uint8Column(reserved);
    this.positions = int32Column(reserved);
    this.nextInBucket = int32Column(reserved);
    this.nextOfSession = int32Column(reserved);
    this.nextStats = int32Column(reserved);
    this.nextAnomalies = int32Column(reserved);
    this.nextAlerts = int32Column(reserved);
  }

  /** Most subscriptions in use so far: rows that take memory. */
  get peak(): number {
    return this.#used;
  }

  /** The column of the sequences sent last. */
  lastOf(kind: RecordKindName): Float64Column {
    return kind === 'anomalies' ? this.lastAnomalies : this.lastAlerts;
  }

  /** The list of the subscriptions that are behind. */
  nextOf(kind: RecordKindName): Int32Column {
    return kind === 'anomalies' ? this.nextAnomalies : this.nextAlerts;
  }

  /** Allocates a number. Its row holds stale values. */
  allocate(): number {
    this.size++;
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.nextOfSession[free] as number;
      return free;
    }
    if (this.#used === this.symbolIds.length) this.#grow();
    return this.#used++;
  }

  release(subscription: number): void {
    this.nextOfSession[subscription] = this.#free;
    this.#free = subscription;
    this.size--;
  }

  #grow(): void {
    this.symbolIds = int32Column(this.#reserved, this.symbolIds);
    this.sessions = int32Column(this.#reserved, this.sessions);
    this.versions = int32Column(this.#reserved, this.versions);
    this.lastAnomalies = float64Column(this.#reserved, this.lastAnomalies);
    this.lastAlerts = float64Column(this.#reserved, this.lastAlerts);
    this.fields = uint8Column(this.#reserved, this.fields);
    this.exactInterests = uint16Column(this.#reserved, this.exactInterests);
    this.flags = uint8Column(this.#reserved, this.flags);
    this.positions = int32Column(this.#reserved, this.positions);
    this.nextInBucket = int32Column(this.#reserved, this.nextInBucket);
    this.nextOfSession = int32Column(this.#reserved, this.nextOfSession);
    this.nextStats = int32Column(this.#reserved, this.nextStats);
    this.nextAnomalies = int32Column(this.#reserved, this.nextAnomalies);
    this.nextAlerts = int32Column(this.#reserved, this.nextAlerts);
  }
}
