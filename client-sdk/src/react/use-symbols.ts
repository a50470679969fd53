import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { patternList } from '../subscriber/subscription.ts';
import { type SymbolListOptions, symbolList } from '../subscriber/symbol-list.ts';
import type { SymbolSnapshot } from '../subscriber/symbol-statistics.ts';
import { useTickwire } from './tickwire-provider.ts';

const NONE: readonly SymbolSnapshot[] = Object.freeze([]);

/**
 * The newest statistics of all symbols of some patterns, sorted; the component is subscribed to
 * them while mounted. A symbol that did not change is the same object as before, so that a row in
 * `memo` renders only when its own symbol changes. Empty while rendering on a server.
 *
 * A `sort` that is a function must be the same on each render: define it outside of the component.
 *
 * @throws TypeError or RangeError for patterns that are not strings, or a bad option
 */
export function useSymbols(
  patterns: string | readonly string[],
  { sort, limit }: SymbolListOptions = {},
): readonly SymbolSnapshot[] {
  const subscriber = useTickwire();
  // Patterns are usually a new array on each render, with equal content.
  const key = JSON.stringify(patternList(patterns));
  const list = useMemo(
    () =>
      subscriber === undefined
        ? undefined
        : symbolList(subscriber, JSON.parse(key) as string[], { sort, limit }),
    [subscriber, key, sort, limit],
  );
  return useSyncExternalStore(
    useCallback((listener: () => void) => list?.subscribe(listener) ?? (() => undefined), [list]),
    () => list?.rows ?? NONE,
    () => NONE,
  );
}
