// The page of react.test.ts: components that count their renders.
import { createElement, memo, type ReactElement, StrictMode, useEffect } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import {
  type SortField,
  type SymbolSnapshot,
  TickwireProvider,
  useAlerts,
  useAnomalies,
  useConnectionState,
  useSymbol,
  useSymbols,
  useTickwire,
} from '../../src/react.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';

/** Functions called by the test. */
export interface ReactPage {
  /** Renders by component and symbol. */
  readonly renders: Record<string, number>;
  /** Selections by symbol. */
  readonly selections: Record<string, number>;
  /** How often a component rendered again with the same array of anomalies. */
  sameAnomalies: number;
  /** Sockets opened, and still open. */
  sockets(): { readonly opened: number; readonly open: number };
  /** Renders a page, or changes it. */
  show(scene: Scene): void;
  unmount(): void;
  /** Connects a subscriber owned by the page. */
  ownSubscriber(url: string): void;
  /** Subscribes the page's subscriber to a symbol, and waits for its statistics. */
  keep(symbol: string): Promise<void>;
  /** Reads of statistics from the page's subscriber, by symbol. */
  readonly reads: Record<string, number>;
  /** Listeners added to the page's subscriber, by event. */
  readonly listeners: Record<string, number>;
  ownState(): string | undefined;
}

export interface Scene {
  /** URL of the server; undefined: the page's own subscriber. */
  readonly url?: string;
  readonly isStrict?: boolean;
  /** Symbols whose statistics are shown; may contain duplicates. */
  readonly quotes?: readonly string[];
  /** Symbols shown by one component each for price, maximum and range. */
  readonly prices?: readonly string[];
  readonly anomalies?: string | readonly string[];
  readonly alerts?: string | readonly string[];
  /** Patterns of a list, with its options. */
  readonly list?: string | readonly string[];
  readonly sort?: SortField;
  readonly limit?: number;
}

declare const document: { getElementById(id: string): Element };

const page: ReactPage = {
  renders: {},
  selections: {},
  reads: {},
  listeners: {},
  sameAnomalies: 0,
  sockets: () => ({
    opened: sockets.length,
    open: sockets.filter(({ readyState }) => readyState <= 1).length,
  }),
  show(scene) {
    root ??= createRoot(document.getElementById('root'));
    const tree = createElement(Page, scene);
    root.render(scene.isStrict === true ? createElement(StrictMode, null, tree) : tree);
  },
  unmount() {
    root?.unmount();
    root = undefined;
  },
  ownSubscriber(url) {
    own = connect(url);
    const on = own.on.bind(own);
    own.on = (name, listener) => {
      count(page.listeners, name);
      return on(name, listener);
    };
    const snapshot = own.snapshot.bind(own);
    own.snapshot = (symbol) => {
      count(page.reads, symbol);
      return snapshot(symbol);
    };
  },
  keep(symbol) {
    own?.subscribe(symbol);
    return new Promise((resolve) => {
      own?.on('update', () => {
        if (own?.get(symbol) !== undefined) resolve();
      });
    });
  },
  ownState: () => own?.state,
};
Object.assign(globalThis, { page });

let root: Root | undefined;
let own: Subscriber | undefined;
const sockets: WebSocket[] = [];
globalThis.WebSocket = new Proxy(WebSocket, {
  construct(target, parameters) {
    const socket: WebSocket = Reflect.construct(target, parameters);
    sockets.push(socket);
    return socket;
  },
});

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function Page(scene: Scene): ReactElement {
  const { url, quotes = [], prices = [], anomalies, alerts } = scene;
  const parts: ReactElement[] = [
    createElement(State, { key: 'state' }),
    ...quotes.map((symbol, i) => createElement(Quote, { key: `quote ${i}`, symbol })),
    ...prices.map((symbol) => createElement(Price, { key: `price ${symbol}`, symbol })),
    ...prices.map((symbol) => createElement(Maximum, { key: `max ${symbol}`, symbol })),
    ...prices.map((symbol) => createElement(Range, { key: `range ${symbol}`, symbol })),
  ];
  if (anomalies !== undefined) parts.push(createElement(Feed, { key: 'feed', ...scene }));
  if (alerts !== undefined) parts.push(createElement(AlertFeed, { key: 'alerts', ...scene }));
  if (scene.list !== undefined) parts.push(createElement(List, { key: 'list', ...scene }));
  if (url !== undefined) return createElement(TickwireProvider, { url, options: {} }, parts);
  return createElement(TickwireProvider, { subscriber: own as Subscriber }, parts);
}

function State(): ReactElement {
  return createElement('p', { id: 'state' }, `${useConnectionState()} ${useTickwire()?.state}`);
}

function Quote({ symbol }: { symbol: string }): ReactElement {
  count(page.renders, `quote ${symbol}`);
  const snapshot = useSymbol(symbol);
  const text = snapshot === undefined ? 'nothing' : JSON.stringify(snapshot);
  return createElement('p', { className: `quote ${symbol}` }, text);
}

function Price({ symbol }: { symbol: string }): ReactElement {
  count(page.renders, `price ${symbol}`);
  const price = useSymbol(symbol, ({ currentPrice }) => {
    count(page.selections, symbol);
    return currentPrice;
  });
  return createElement('p', { className: `price ${symbol}` }, price ?? 'nothing');
}

function Maximum({ symbol }: { symbol: string }): ReactElement {
  count(page.renders, `max ${symbol}`);
  const maxPrice = useSymbol(symbol, (snapshot) => snapshot.maxPrice);
  return createElement('p', { className: `max ${symbol}` }, maxPrice ?? 'nothing');
}

function Range({ symbol }: { symbol: string }): ReactElement {
  count(page.renders, `range ${symbol}`);
  // A new, equal object each time.
  const range = useSymbol(symbol, ({ minPrice, maxPrice }) => ({ minPrice, maxPrice }));
  return createElement(
    'p',
    { className: `range ${symbol}` },
    `${range?.minPrice} ${range?.maxPrice}`,
  );
}

const Row = memo(({ row }: { row: SymbolSnapshot }): ReactElement => {
  count(page.renders, `row ${row.symbol}`);
  return createElement('li', null, `${row.symbol} ${row.currentPrice}${row.isLive ? '' : ' old'}`);
});

function List({ list = '*', sort, limit }: Scene): ReactElement {
  count(page.renders, 'list');
  const rows = useSymbols(typeof list === 'string' ? list : [...list], { sort, limit });
  return createElement(
    'ol',
    { id: 'list' },
    rows.map((row) => createElement(Row, { key: row.symbol, row })),
  );
}

let lastAnomalies: unknown;

function Feed({ anomalies = '*', limit }: Scene): ReactElement {
  count(page.renders, 'feed');
  const newest = useAnomalies(anomalies, limit === undefined ? {} : { limit });
  useEffect(() => {
    if (newest === lastAnomalies) page.sameAnomalies++;
    lastAnomalies = newest;
  });
  const texts = newest.map(
    ({ symbol, sequence, direction }) => `${symbol} ${sequence} ${direction}`,
  );
  return createElement('p', { id: 'feed' }, texts.join(', '));
}

function AlertFeed({ alerts = '*', limit }: Scene): ReactElement {
  const newest = useAlerts(alerts, limit === undefined ? {} : { limit });
  const texts = newest.map(({ symbol, rule, phase }) => `${symbol} ${rule} ${phase}`);
  return createElement('p', { id: 'alerts' }, texts.join(', '));
}
