import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { isWildcard } from '../../../src/protocol/index.ts';
import type { SymbolSnapshot } from '../subscriber/symbol-statistics.ts';
import { check } from '../value-checks.ts';
import { useSubscriberStore } from './tickwire-provider.ts';

/**
 * The newest statistics of a symbol; the component is subscribed to it while mounted. Undefined
 * until there are any, and while rendering on a server. The component renders again only when a
 * field changes.
 */
export function useSymbol(symbol: string): SymbolSnapshot | undefined;
/**
 * A part of the newest statistics of a symbol. The component renders again only when `select`
 * returns another value by `Object.is`.
 *
 * @param select called when a field changed, or when `select` is another function; not while there
 *   are no statistics
 */
export function useSymbol<Selected>(
  symbol: string,
  select: (snapshot: SymbolSnapshot) => Selected,
): Selected | undefined;
export function useSymbol<Selected>(
  symbol: string,
  select?: (snapshot: SymbolSnapshot) => Selected,
): SymbolSnapshot | Selected | undefined {
  check('symbol', symbol, ['string']);
  if (isWildcard(symbol))
    throw new RangeError(
      `symbol: expected one symbol, got "${symbol}"; for patterns there is useSymbols`,
    );
  const store = useSubscriberStore();
  const subscribe = useCallback(
    (listener: () => void) => store.watch(symbol, listener),
    [store, symbol],
  );
  const selected = useMemo(() => selectOnce(select), [select]);
  return useSyncExternalStore(
    subscribe,
    () => selected(store.snapshot(symbol)),
    () => undefined,
  );
}

// `select` may return a new object each time; React must not see that as a change.
function selectOnce<Selected>(select: ((snapshot: SymbolSnapshot) => Selected) | undefined) {
  let last: SymbolSnapshot | undefined;
  let selected: SymbolSnapshot | Selected | undefined;
  return (snapshot: SymbolSnapshot | undefined) => {
    if (snapshot === last) return selected;
    last = snapshot;
    selected = snapshot === undefined || select === undefined ? snapshot : select(snapshot);
    return selected;
  };
}
