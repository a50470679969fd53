/** A member in `GET /api/cluster`. */
export interface ClusterMember {
  readonly id: string;
  readonly role: string;
  readonly since: string;
  readonly isAnswering: boolean;
  readonly isThis: boolean;
  readonly shards: number;
}

/** A shard; null where no member says that it owns it. */
export interface ClusterShard {
  readonly shard: number;
  readonly owner: string | null;
  readonly epoch: number | null;
  readonly lagMessages: number | null;
  readonly delayMs: number | null;
  readonly waitingOutputs: number | null;
}

/** The answer of `GET /api/cluster`. */
export interface ClusterRecord {
  /** Null: the server is alone. */
  readonly name: string | null;
  readonly isConnected: boolean;
  readonly members: readonly ClusterMember[];
  readonly shards: readonly ClusterShard[];
}
