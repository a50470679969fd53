import { setTimeout as delay } from 'node:timers/promises';
import { connectPublisher } from '../../client-sdk/src/index.ts';
import type { SegmentFiles } from '../journal/index.ts';
import type { ProgressBar } from './progress-bar.ts';
import { TickScan, type TickSelection } from './tick-scan.ts';

/** Where recorded ticks go, and how fast. */
export interface ReplayOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** Times as fast as they were received; Infinity: as fast as the server takes them. */
  readonly speed: number;
  /** Whether times are moved: the first tick is of now, the others follow at the replay's speed. */
  readonly shiftsToNow: boolean;
}

/** What became of the ticks. */
export interface ReplayResult {
  readonly published: number;
  readonly rejected: number;
  readonly dropped: number;
}

/** Pauses shorter than this are not made, ms. */
const PAUSE_MS_MIN = 2;
/** A server that is not reached for this long ends the replay, ms. */
const GIVE_UP_MS = 15_000;
/** Whether it is acknowledged is waited for this long at the end, ms. */
const CLOSE_MS = 60_000;

/**
 * Publishes ticks of a journal to a server, in their order.
 *
 * @throws JournalError for damage; Error if the server cannot be reached, or refuses the publisher
 */
export async function replayTicks(
  files: SegmentFiles,
  selection: TickSelection,
  { url, token, speed, shiftsToNow }: ReplayOptions,
  bar: ProgressBar,
): Promise<ReplayResult> {
  const publisher = connectPublisher(url, {
    giveUpAfterMs: GIVE_UP_MS,
    ...(token !== undefined && { token }),
  });
  const scan = new TickScan(files, selection);
  const first = files.list()[0]?.start ?? 0;
  const startedAt = Date.now();
  let receivedFirst: number | undefined;
  let published = 0;
  try {
    while (scan.next()) {
      const { count, receiptTime, symbols, prices, times } = scan.ticks;
      receivedFirst ??= receiptTime;
      const due = startedAt + (receiptTime - receivedFirst) / speed;
      if (due - Date.now() >= PAUSE_MS_MIN) await delay(due - Date.now());
      for (let i = 0; i < count; i++) {
        const recorded = times[i] as number;
        const time = shiftsToNow ? shifted(recorded - receivedFirst, startedAt, speed) : recorded;
        if (!publisher.publish(symbols[i] as string, prices[i] as number, time))
          await publisher.ready;
      }
      published += count;
      bar.update(scan.position - first);
    }
    await publisher.close(CLOSE_MS);
  } finally {
    scan.close();
    bar.finish();
    if (publisher.state !== 'closed') void publisher.close(0).catch(() => undefined);
  }
  const { rejected, dropped } = publisher.totals;
  return { published, rejected, dropped };
}

/** The time of a tick that was `after` ms behind the first: never ahead of the clock for long. */
function shifted(after: number, startedAt: number, speed: number): number {
  return speed === Number.POSITIVE_INFINITY ? Date.now() : startedAt + after / speed;
}
