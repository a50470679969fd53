import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react';
import type { ServerUrl } from '../connection/connect-options.ts';
import { connect, type Subscriber } from '../subscriber/subscriber.ts';
import type { SubscriberOptions } from '../subscriber/subscriber-options.ts';
import { SubscriberStore } from './subscriber-store.ts';

/** The source of data: the URL of a server, or an existing subscriber. */
export type TickwireProviderProps =
  | {
      /** As of `connect`; another one replaces the connection. */
      readonly url: ServerUrl;
      /** Options of the connection. Read when connecting: a change alone has no effect. */
      readonly options?: SubscriberOptions | undefined;
      /** Not together with `url`. */
      readonly subscriber?: undefined;
      /** The components that may use the hooks. */
      readonly children?: ReactNode;
    }
  | {
      /** An existing subscriber. The provider does not close it. */
      readonly subscriber: Subscriber;
      /** Not beside a subscriber. */
      readonly url?: undefined;
      /** Not beside a subscriber. */
      readonly options?: undefined;
      /** The components that may use the hooks. */
      readonly children?: ReactNode;
    };

const StoreContext = createContext<SubscriberStore | undefined>(undefined);

/**
 * Provides a subscriber to the components below it. With `url` it connects when mounted, never
 * while rendering on a server, and closes the connection when unmounted.
 */
export function TickwireProvider(props: TickwireProviderProps): ReactElement {
  const { url, subscriber, options, children } = props;
  if (url === undefined && subscriber === undefined) {
    throw new TypeError('<TickwireProvider>: expected a url or a subscriber, got neither');
  }
  const store = useMemo(() => new SubscriberStore(subscriber), [subscriber]);
  // A list is another object at each rendering.
  const key = String(url);
  const own = useRef<OwnConnection>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are read when connecting only.
  useEffect(() => {
    if (subscriber !== undefined) return store.attach(subscriber);
    if (own.current?.key !== key || own.current.isClosed) {
      own.current = new OwnConnection(url, key, options);
    }
    const connection = own.current;
    const detach = store.attach(connection.use());
    return () => {
      detach();
      connection.release();
    };
  }, [store, subscriber, key]);
  return createElement(StoreContext.Provider, { value: store }, children);
}

/** @throws Error without a provider above the component */
export function useSubscriberStore(): SubscriberStore {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error('there is no <TickwireProvider> above this component');
  return store;
}

/**
 * A connection that closes when unused, but not at once: in StrictMode, React unmounts what it just
 * mounted and mounts it again.
 */
class OwnConnection {
  readonly key: string;
  isClosed = false;
  readonly #subscriber: Subscriber;
  #users = 0;

  constructor(url: ServerUrl, key: string, options: SubscriberOptions | undefined) {
    this.key = key;
    this.#subscriber = connect(url, options);
  }

  use(): Subscriber {
    this.#users++;
    return this.#subscriber;
  }

  release(): void {
    this.#users--;
    queueMicrotask(() => {
      if (this.#users > 0 || this.isClosed) return;
      this.isClosed = true;
      this.#subscriber.close();
    });
  }
}

/**
 * The provider's subscriber, for everything without a hook of its own. Undefined while rendering on
 * a server, and until a provider with `url` is mounted.
 */
export function useTickwire(): Subscriber | undefined {
  const store = useSubscriberStore();
  return useSyncExternalStore(
    useCallback((listener) => store.watchConnection(listener), [store]),
    () => store.subscriber,
    () => undefined,
  );
}

/** The connection state; `connecting` until there is a subscriber. */
export function useConnectionState(): Subscriber['state'] {
  const store = useSubscriberStore();
  return useSyncExternalStore(
    useCallback((listener) => store.watchConnection(listener), [store]),
    () => store.subscriber?.state ?? 'connecting',
    () => 'connecting',
  );
}

/** Whether data comes too late; false until there is a subscriber. */
export function useIsLagging(): boolean {
  const store = useSubscriberStore();
  return useSyncExternalStore(
    useCallback((listener) => store.watchConnection(listener), [store]),
    () => store.subscriber?.isLagging ?? false,
    () => false,
  );
}
