import type { GatewayContext } from '../context.ts';
import type { FrameJournal } from '../ingest/frame-journal.ts';
import type { TickJournal } from '../ingest/tick-journal.ts';
import type { ScrapedMetrics } from './scraped-metrics.ts';

/** What the metrics read of a journal. */
export type MeasuredJournal = Pick<
  TickJournal,
  'figures' | 'position' | 'start' | 'syncedPosition'
>;

/** Whether it is a journal of this machine. */
export function hasFigures(
  journal: Pick<FrameJournal, keyof MeasuredJournal> | undefined,
): journal is MeasuredJournal {
  return journal?.figures !== undefined;
}

/** The metrics of a server's journal. */
export function addJournalMetrics(
  metrics: ScrapedMetrics,
  journal: MeasuredJournal,
  { health, snapshots }: Pick<GatewayContext, 'health' | 'snapshots'>,
): void {
  metrics.gauge('tickwire_journal_ok', '1; 0 while ticks do not get into the journal.', () =>
    health.journalFault() === undefined ? 1 : 0,
  );
  metrics.counter('tickwire_journal_appended_bytes_total', 'Entries since the start.', () => {
    return journal.position - journal.start;
  });
  metrics.gauge('tickwire_journal_unsynced_bytes', 'Entries that are not on disk yet.', () => {
    return journal.position - journal.syncedPosition;
  });
  metrics.gauge('tickwire_journal_bytes', 'Size of all segments on disk.', () => {
    return journal.syncedPosition - journal.figures.keptFrom;
  });
  metrics.gauge('tickwire_journal_segments', 'Segments on disk.', () => journal.figures.segments);
  metrics.gauge(
    'tickwire_journal_oldest_timestamp_seconds',
    'When the oldest ticks on disk were received.',
    () => journal.figures.oldestAt / 1000,
  );
  metrics.counter('tickwire_journal_syncs_total', 'Syncs to disk.', () => journal.figures.syncs);
  metrics.counter('tickwire_journal_sync_seconds_total', 'Time of all syncs.', () => {
    return journal.figures.syncMs / 1000;
  });
  metrics.gauge('tickwire_journal_sync_seconds_max', 'Longest sync of the last second.', () => {
    return journal.figures.syncMsMax / 1000;
  });
  metrics.counter('tickwire_journal_failures_total', 'Writes and syncs that failed.', () => {
    return journal.figures.failures;
  });
  metrics.counter(
    'tickwire_journal_gaps_total',
    'Times that ticks were served unjournaled.',
    () => journal.figures.gaps.gaps,
  );
  metrics.counter('tickwire_journal_gap_ticks_total', 'Ticks served and not journaled.', () => {
    return journal.figures.gaps.ticks;
  });
  metrics.gauge('tickwire_journal_replayed_ticks', 'Ticks replayed at the start.', () => {
    return snapshots.replayedTicks;
  });
}
