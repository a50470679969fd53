import { useCallback, useSyncExternalStore } from 'react';
import type { Subscriber } from '../subscriber/subscriber.ts';
import { useSubscriberStore } from './tickwire-provider.ts';

/**
 * The subscriber of the provider above, for all that has no hook of its own. Undefined while
 * rendering on a server, and until a provider that connects by itself is mounted.
 */
export function useTickwire(): Subscriber | undefined {
  const store = useSubscriberStore();
  return useSyncExternalStore(
    useCallback((listener) => store.watchConnection(listener), [store]),
    () => store.subscriber,
    () => undefined,
  );
}

/** The state of the connection; `connecting` until there is a subscriber. */
export function useConnectionState(): Subscriber['state'] {
  const store = useSubscriberStore();
  return useSyncExternalStore(
    useCallback((listener) => store.watchConnection(listener), [store]),
    () => store.subscriber?.state ?? 'connecting',
    () => 'connecting',
  );
}
