import { eventually } from '../../testkit/until.ts';

/** Tick totals of `GET /api/statistics` over all partitions. */
export interface TickTotals {
  readonly processed: number;
  readonly lapped: number;
  readonly queued: number;
  readonly dropped: number;
  readonly rejected: number;
}

interface Answer {
  readonly totalDropped: number;
  readonly totalRejected: number;
  readonly partitions: readonly {
    readonly processed: number;
    readonly lapped: number;
    readonly queueDepth: number;
  }[];
}

export async function tickTotals(port: number): Promise<TickTotals> {
  const response = await fetch(`http://127.0.0.1:${port}/api/statistics`);
  const { partitions, totalDropped, totalRejected } = (await response.json()) as Answer;
  const sum = (field: 'processed' | 'lapped' | 'queueDepth') =>
    partitions.reduce((total, partition) => total + partition[field], 0);
  return {
    processed: sum('processed'),
    lapped: sum('lapped'),
    queued: sum('queueDepth'),
    dropped: totalDropped,
    rejected: totalRejected,
  };
}

/** The totals once all `accepted` ticks are accounted for. */
export function settledTotals(port: number, accepted: number): Promise<TickTotals> {
  return eventually(
    () => tickTotals(port),
    ({ queued, processed, lapped }) => queued === 0 && processed + lapped === accepted,
  );
}
