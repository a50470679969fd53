import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { SymbolSnapshot } from './subscriber-store.ts';
import { useSubscriberStore } from './tickwire-provider.ts';

/**
 * The newest statistics of a symbol, to which the component is subscribed while it is mounted.
 * Undefined until there are any, and while rendering on a server. The component is rendered again
 * only when a field changes.
 */
export function useSymbol(symbol: string): SymbolSnapshot | undefined;
/**
 * A part of the newest statistics of a symbol. The component is rendered again only when what
 * `select` returns is another value, as `Object.is` decides.
 *
 * @param select called when a field has changed, or with another function; not while there are no
 *   statistics
 */
export function useSymbol<Selected>(
  symbol: string,
  select: (snapshot: SymbolSnapshot) => Selected,
): Selected | undefined;
export function useSymbol<Selected>(
  symbol: string,
  select?: (snapshot: SymbolSnapshot) => Selected,
): SymbolSnapshot | Selected | undefined {
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

// What is selected may be a new object each time, which React must not take for another change.
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
