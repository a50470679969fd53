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
import { connect, type Subscriber } from '../subscriber/subscriber.ts';
import type { SubscriberOptions } from '../subscriber/subscriber-options.ts';
import { SubscriberStore } from './subscriber-store.ts';

/** Where the data comes from: the address of a server, or a subscriber of one's own. */
export type TickwireProviderProps =
  | {
      /** The server; another address replaces the connection. */
      readonly url: string;
      /** How to connect. Read when a connection is made: a change alone has no effect. */
      readonly options?: SubscriberOptions | undefined;
      /** Not beside an address. */
      readonly subscriber?: undefined;
      /** The components that may use the hooks. */
      readonly children?: ReactNode;
    }
  | {
      /** A subscriber that is there already. The provider does not close it. */
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
 * Gives the components below it a subscriber. With `url` it connects once it is mounted, and so
 * never while rendering on a server, and closes the connection when it is unmounted.
 */
export function TickwireProvider(props: TickwireProviderProps): ReactElement {
  const { url, subscriber, options, children } = props;
  const store = useMemo(() => new SubscriberStore(subscriber), [subscriber]);
  const own = useRef<OwnConnection>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are read when a connection is made, and are mostly another object in each rendering.
  useEffect(() => {
    if (subscriber !== undefined) return store.attach(subscriber);
    if (own.current?.url !== url || own.current.isClosed) {
      own.current = new OwnConnection(url, options);
    }
    const connection = own.current;
    const detach = store.attach(connection.use());
    return () => {
      detach();
      connection.release();
    };
  }, [store, subscriber, url]);
  return createElement(StoreContext.Provider, { value: store }, children);
}

/** @throws Error where there is no provider above the component */
export function useSubscriberStore(): SubscriberStore {
  const store = useContext(StoreContext);
  if (store === undefined) throw new Error('there is no <TickwireProvider> above this component');
  return store;
}

/**
 * A connection that ends when nobody uses it any more, but not at once: in StrictMode, React
 * unmounts what it just mounted and mounts it again.
 */
class OwnConnection {
  readonly url: string;
  isClosed = false;
  readonly #subscriber: Subscriber;
  #users = 0;

  constructor(url: string, options: SubscriberOptions | undefined) {
    this.url = url;
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
