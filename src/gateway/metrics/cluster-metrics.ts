import type { ScrapedMetrics } from './scraped-metrics.ts';

/** What a member of a cluster has counted. */
export interface ClusterReadings {
  readonly members: number;
  readonly membershipFailures: number;
  readonly isConnected: boolean;
  /** Shards without an owner, or whose rows are not all here. */
  readonly shardsBehind: number;
  readonly mirror: {
    readonly resyncs: number;
    readonly rowMessages: number;
    readonly staleMessages: number;
    readonly missedMessages: number;
    readonly mismatches: number;
  };
  readonly log: { readonly messages: number; readonly resends: number; readonly bytes: number };
  /** Ticks on their way into logs. */
  readonly waitingTicks: number;
  readonly refusedSettlements: number;
  /** The shards that this member owns, by number. */
  readonly owned: ReadonlyMap<number, OwnedShardReadings>;
  /** Undefined: this member owns no shards. */
  readonly owner:
    | {
        readonly ticks: number;
        readonly duplicateSegments: number;
        readonly gapSegments: number;
        readonly refusedTicks: number;
        readonly skippedTicks: number;
        readonly truncatedPlaces: number;
        readonly retired: number;
        readonly takeovers: number;
        readonly fenced: number;
        readonly snapshots: number;
        readonly feeds: FeedReadings;
      }
    | undefined;
}

/** What became of messages of feeds, and of ticks of those that were taken. */
interface FeedReadings {
  readonly messages: ReadonlyMap<string, number>;
  readonly refusedTicks: ReadonlyMap<string, number>;
}

/** What an owner says of one of its shards. */
export interface OwnedShardReadings {
  readonly epoch: number;
  /** Messages of its log that are not folded, as far as known. */
  readonly lagMessages: number;
  /** Anomalies and alerts that are not known to be stored. */
  readonly waitingOutputs: number;
  /** From the receipt of the newest tick folded to its folding. */
  readonly delayMs: number;
}

const MS = 1 / 1000;

/** The metrics of a member of a cluster. */
export function addClusterMetrics(metrics: ScrapedMetrics, read: () => ClusterReadings): void {
  const gauge = (name: string, help: string, value: (readings: ClusterReadings) => number) =>
    metrics.gauge(`tickwire_cluster_${name}`, help, () => value(read()));
  const counter = (name: string, help: string, value: (readings: ClusterReadings) => number) =>
    metrics.counter(`tickwire_cluster_${name}_total`, help, () => value(read()));
  gauge('connected', '1; 0 without a connection to the broker.', ({ isConnected }) =>
    isConnected ? 1 : 0,
  );
  gauge('members', 'Members heard of within the lease.', ({ members }) => members);
  gauge('shards_behind', 'Shards whose rows are not all here.', (all) => all.shardsBehind);
  gauge('waiting_ticks', 'Ticks on their way into logs.', ({ waitingTicks }) => waitingTicks);
  gauge('waiting_bytes', 'Bytes on their way into logs.', ({ log }) => log.bytes);
  gauge('owned_shards', 'Shards that this process owns.', ({ owned }) => owned.size);
  counter('log_messages', 'Messages sent to logs.', ({ log }) => log.messages);
  counter('log_resends', 'Messages sent again.', ({ log }) => log.resends);
  counter('row_messages', 'Messages of rows received.', ({ mirror }) => mirror.rowMessages);
  counter('missed_row_messages', 'Gaps among them.', ({ mirror }) => mirror.missedMessages);
  counter('stale_row_messages', 'Those of owners that had been replaced.', ({ mirror }) => {
    return mirror.staleMessages;
  });
  counter('row_mismatches', 'Times that the rows of a shard differed from its owner.', (all) => {
    return all.mirror.mismatches;
  });
  counter('resyncs', 'Shards read from their owner as a whole.', ({ mirror }) => mirror.resyncs);
  counter('refused_settlements', 'Publishers lost to another member.', (all) => {
    return all.refusedSettlements;
  });
  counter('membership_failures', 'Renewals of the lease that failed.', (all) => {
    return all.membershipFailures;
  });
  const { owner } = read();
  if (owner === undefined) return;
  const byShard = (name: string, help: string, value: (of: OwnedShardReadings) => number) =>
    metrics.gaugeBy('shard', `tickwire_cluster_shard_${name}`, help, () =>
      Object.fromEntries([...read().owned].map(([shard, of]) => [shard, value(of)])),
    );
  byShard('epoch', 'The claim of a shard.', ({ epoch }) => epoch);
  byShard('lag_messages', 'Messages of its log that are not folded.', (of) => of.lagMessages);
  byShard('waiting_outputs', 'Anomalies and alerts on their way into the log.', (of) => {
    return of.waitingOutputs;
  });
  byShard('delay_seconds', 'From receipt at an edge to folding.', ({ delayMs }) => delayMs * MS);
  const owned = (name: string, help: string, key: Exclude<keyof typeof owner, 'feeds'>) =>
    counter(name, help, (readings) => readings.owner?.[key] ?? 0);
  owned('folded_ticks', 'Ticks applied from logs, replayed ones included.', 'ticks');
  owned('duplicate_segments', 'Segments that had been taken before.', 'duplicateSegments');
  owned('gap_segments', 'Segments refused behind a missing one, which comes again.', 'gapSegments');
  owned('refused_ticks', 'Ticks of symbols that their shard has no space for.', 'refusedTicks');
  owned('skipped_ticks', 'Ticks left out, which no owner could apply.', 'skippedTicks');
  owned('window_truncations', 'Places dropped from full sliding windows.', 'truncatedPlaces');
  const ofFeeds = (label: string, name: string, help: string, key: keyof FeedReadings) =>
    metrics.counterBy(label, `tickwire_cluster_${name}_total`, help, () =>
      Object.fromEntries(read().owner?.feeds[key] ?? []),
    );
  ofFeeds('result', 'feed_messages', 'Messages that came straight from NATS clients.', 'messages');
  ofFeeds('reason', 'refused_feed_ticks', 'Ticks of theirs that do not count.', 'refusedTicks');
  owned('retired_symbols', 'Symbols retired, in replayed logs as well.', 'retired');
  owned('takeovers', 'Shards taken over.', 'takeovers');
  owned('fenced_shards', 'Shards lost to another owner while writing.', 'fenced');
  owned('snapshots', 'Snapshots of shards saved.', 'snapshots');
}
