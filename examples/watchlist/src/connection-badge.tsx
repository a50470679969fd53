import { useConnectionState, useTickwire } from '@tickwire/client/react';
import { useCallback, useSyncExternalStore } from 'react';

/** What the numbers on the page are worth: `live` only while they are the server's newest. */
export function ConnectionBadge() {
  const state = useConnectionState();
  const isLate = useIsLagging() && state === 'live';
  const shown = isLate ? 'late' : state;
  return (
    <span className="badge" data-state={shown} role="status">
      {shown}
    </span>
  );
}

function useIsLagging(): boolean {
  const subscriber = useTickwire();
  return useSyncExternalStore(
    useCallback(
      (listener: () => void) => subscriber?.on('lag', listener) ?? (() => undefined),
      [subscriber],
    ),
    () => subscriber?.isLagging ?? false,
  );
}
