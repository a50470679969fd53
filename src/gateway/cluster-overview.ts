/** A member of the cluster, as another one sees it. */
export interface MemberOverview {
  readonly id: string;
  readonly role: 'edge' | 'owner' | 'all';
  /** When it joined, ms since the epoch, by its own clock. */
  readonly since: number;
  /** Whether it answered just now. */
  readonly isAnswering: boolean;
  /** Whether it is the one asked. */
  readonly isThis: boolean;
  /** Shards that it owns. */
  readonly shards: number;
}

/** A shard; null where nobody says that it is its owner. */
export interface ShardOverview {
  readonly shard: number;
  /** Id of the member that owns it. */
  readonly owner: string | null;
  /** The number of the owner's claim. */
  readonly epoch: number | null;
  /** Messages of its log that are not folded yet. */
  readonly lagMessages: number | null;
  /** From the receipt of the newest tick folded, at an edge, to its folding. */
  readonly delayMs: number | null;
  /** Anomalies on their way into the log of outputs. */
  readonly waitingOutputs: number | null;
}

/** All members and shards of the cluster, as they answer now. */
export interface ClusterOverview {
  readonly name: string;
  readonly isConnected: boolean;
  readonly members: readonly MemberOverview[];
  readonly shards: readonly ShardOverview[];
}
