import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { Anomaly } from '../subscriber/anomaly.ts';
import { NewestAnomalies } from './newest-anomalies.ts';
import { useTickwire } from './use-tickwire.ts';

/** What {@link useAnomalies} keeps. */
export interface UseAnomaliesOptions {
  /** How many anomalies are kept, at least 1; default 100. */
  readonly limit?: number;
}

const LIMIT = 100;
const NONE: readonly Anomaly[] = Object.freeze([]);

/**
 * The anomalies of some patterns since the component was mounted, newest first; the same array until
 * there is another one. Those of a lost connection are caught up with. Other patterns, or another
 * limit, begin anew.
 */
export function useAnomalies(
  patterns: string | readonly string[],
  { limit = LIMIT }: UseAnomaliesOptions = {},
): readonly Anomaly[] {
  const subscriber = useTickwire();
  // Patterns are mostly another array in each rendering, with the same content.
  const key = JSON.stringify([patterns].flat());
  const newest = useMemo(
    () => new NewestAnomalies(JSON.parse(key) as string[], limit),
    [key, limit],
  );
  const follow = useCallback(
    (listener: () => void) =>
      subscriber === undefined ? () => undefined : newest.follow(subscriber, listener),
    [newest, subscriber],
  );
  return useSyncExternalStore(
    follow,
    () => newest.list,
    () => NONE,
  );
}
