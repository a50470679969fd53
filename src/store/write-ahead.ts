import { setTimeout as delay } from 'node:timers/promises';
import type { WriteAhead } from './store.ts';

/** Interval of checks whether the journal has failed, while its next sync is awaited, ms. */
const CHECK_MS = 100;

/**
 * Resolves when everything before a position is on disk in the journal, with undefined; or, as soon
 * as that fails, with the reason.
 */
export async function awaitSynced(
  journal: WriteAhead,
  position: number,
): Promise<string | undefined> {
  for (;;) {
    if (journal.syncedPosition >= position) return undefined;
    if (journal.fault !== undefined) return `the journal cannot be written: ${journal.fault}`;
    const synced = journal.whenSynced(position);
    const isOver = await Promise.race([synced, delay(CHECK_MS, 'waiting' as const)]);
    if (isOver === false) return 'the journal is closed';
  }
}
