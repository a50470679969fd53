import {
  connect,
  type StateChange,
  type Subscriber,
  type Subscription,
} from '../../client-sdk/src/index.ts';
import { toAlertEvent } from './alerts/alert-event.ts';
import { FeedPanel } from './alerts/feed-panel.ts';
import { fromLive } from './anomalies/anomaly-moves.ts';
import { ChartPanel } from './chart/chart-panel.ts';
import { ClusterPage } from './cluster/cluster-page.ts';
import { ClusterWatch } from './cluster/cluster-watch.ts';
import { ForbiddenError, HttpApi, type Rules } from './http-api.ts';
import { ConnectionState, SyncCheck } from './page/connection-state.ts';
import { findById, findPart, setText } from './page/dom.ts';
import type { PageAccess } from './page/page-access.ts';
import { FrameLoop, Poller } from './page/scheduling.ts';
import type { Theme } from './page/theme.ts';
import { Views } from './page/views.ts';
import type { RuleRecord } from './rules/rule-record.ts';
import { RulesPage } from './rules/rules-page.ts';
import { RulesWatch } from './rules/rules-watch.ts';
import { PageFacts } from './server/partitions-panel.ts';
import { ServerPanel } from './server/server-panel.ts';
import { Market } from './symbols/market.ts';
import { RowSubscription, SymbolsPanel } from './symbols/symbols-panel.ts';

/** Least time between statistics frames, ms: faster numbers cannot be read. */
const CONFLATE_MS = 50;
const CONFLATE_HIDDEN_MS = 1000;
const STATISTICS_MS = 1000;
const STATISTICS_HIDDEN_MS = 5000;
/** Interval of updating ages and countdowns, ms. */
const TICK_MS = 250;
/** Close code of a session whose token expired. */
const TOKEN_EXPIRED = 4010;
/** Stand-in for the rules if the server shows them to operators only. */
const DEFAULT_RULES: Rules = {
  movingAverageWindow: Number.NaN,
  anomalyThresholdPercent: Number.NaN,
  slidingWindowMilliseconds: 1000,
};

/** The page: connects the server's data to the panels. */
export class Dashboard {
  readonly #access: PageAccess;
  readonly #api: HttpApi;
  readonly #subscriber: Subscriber;
  readonly #market = new Market();
  readonly #loop = new FrameLoop();
  readonly #header = findById('header');
  readonly #theme: Theme;
  readonly #connection: ConnectionState;
  readonly #sync: SyncCheck;
  readonly #symbols: SymbolsPanel;
  readonly #rows: RowSubscription;
  readonly #chart: ChartPanel;
  readonly #feed: FeedPanel;
  readonly #server: ServerPanel;
  readonly #facts: PageFacts;
  readonly #statistics: Poller;
  readonly #alertRules: RulesWatch;
  readonly #cluster: ClusterWatch;
  readonly #views: Views;
  #selection: Subscription | undefined;
  #rules: Rules | undefined;
  #epoch: string | undefined;
  #isRestricted = false;

  constructor(theme: Theme, access: PageAccess) {
    this.#theme = theme;
    this.#access = access;
    const { token } = access;
    this.#api = new HttpApi(token, (reason) => this.#refused(reason));
    // Not the origin: a proxy may serve the page under a path.
    this.#subscriber = connect(new URL('.', document.baseURI), {
      conflateMs: CONFLATE_MS,
      ...(token === undefined ? {} : { token }),
    });
    const select = (symbol: string) => this.#select(symbol);
    const { request } = this.#loop;
    theme.onChange((palette) => {
      this.#chart.setPalette(palette);
      this.#server.drawTrends(palette);
      request();
    });
    this.#connection = new ConnectionState(this.#header, this.#subscriber);
    this.#sync = new SyncCheck(this.#header, this.#subscriber);
    this.#rows = new RowSubscription(this.#subscriber);
    this.#chart = new ChartPanel(findById('chart'), this.#api, theme.palette, request);
    this.#feed = new FeedPanel(findById('feed'), this.#api, select, request);
    this.#facts = new PageFacts(findById('partitions'), this.#subscriber);
    this.#server = new ServerPanel(findById('server'), findById('partitions'));
    this.#symbols = new SymbolsPanel(findById('market'), this.#api, this.#market, {
      selected: select,
      shown: (symbols) => this.#rows.show(symbols),
      listed: () => this.#selectFirst(),
      changed: request,
    });
    this.#statistics = new Poller(
      () => this.#readStatistics(),
      () => (document.hidden ? STATISTICS_HIDDEN_MS : STATISTICS_MS),
      (sinceMs) => this.#server.setFailing(sinceMs),
    );
    this.#views = new Views(() => {
      this.#alertRules.refresh();
      this.#cluster.refresh();
    });
    this.#cluster = new ClusterWatch(this.#api, new ClusterPage(findById('cluster')), () =>
      this.#views.is('cluster'),
    );
    const page = new RulesPage(findById('rules'), (rule) => this.#showAlertsOf(rule));
    this.#alertRules = new RulesWatch(
      this.#api,
      page,
      () => this.#views.is('rules'),
      ({ items }) => void this.#loadAlerts(items),
    );
  }

  /** Starts the page. */
  start(): void {
    this.#listen();
    this.#loop.add((nowMs) => this.#draw(nowMs));
    this.#statistics.now();
    this.#symbols.refresh();
    this.#alertRules.refresh();
    void this.#loadAnomalies();
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  #listen(): void {
    const subscriber = this.#subscriber;
    subscriber.subscribe('*', { stats: false, alerts: true });
    subscriber.on('state', (change) => this.#stateChanged(change));
    subscriber.on('lag', () => this.#connection.tick());
    subscriber.on('reset', ({ epoch }) => this.#enter(epoch));
    subscriber.on('retired', ({ symbols }) => {
      this.#symbols.remove(symbols);
      this.#loop.request();
    });
    subscriber.on('update', ({ changes }) => {
      const nowMs = performance.now();
      for (const live of changes) {
        const row = this.#market.takeLive(live, nowMs);
        if (row.symbol === this.#chart.symbol) this.#chart.takeLive(row);
      }
      this.#loop.request();
    });
    subscriber.on('anomaly', (anomaly) => {
      const event = fromLive(anomaly);
      this.#feed.addAnomaly(event);
      this.#chart.takeAnomaly(event);
      this.#loop.request();
    });
    subscriber.on('alert', (alert) => {
      const event = toAlertEvent(alert);
      this.#feed.addAlert(event);
      this.#chart.takeAlert(event);
      this.#loop.request();
    });
  }

  #stateChanged(change: StateChange): void {
    const { closure } = change;
    if (closure?.code === TOKEN_EXPIRED) this.#refused(`${closure.reason}.`);
    // Ended for good. If the token is the cause, an HTTP request will say so.
    else if (this.#subscriber.failure !== undefined) void this.#api.tryToken();
    const isLive = change.state === 'live';
    this.#connection.take(change);
    this.#sync.reset();
    this.#symbols.setStale(!isLive);
    this.#chart.setStale(!isLive);
    if (isLive) {
      this.#enter(this.#subscriber.session?.epoch);
      this.#statistics.now();
    }
  }

  /** Takes the server's epoch: a change invalidates everything shown. */
  #enter(epoch: string | undefined): void {
    if (epoch === undefined || epoch === this.#epoch) return;
    const isAnother = this.#epoch !== undefined;
    this.#epoch = epoch;
    if (!isAnother) return;
    this.#symbols.reset();
    this.#alertRules.reset();
    this.#cluster.refresh();
    void this.#loadAnomalies();
    if (this.#chart.symbol !== undefined && this.#rules !== undefined) {
      this.#chart.select(this.#chart.symbol, undefined, this.#rules);
    }
  }

  /** The token is no longer accepted: stops until there is another one. */
  #refused(reason: string): void {
    this.#api.stop();
    this.#subscriber.close();
    this.#access.lost(reason);
  }

  async #readStatistics(): Promise<void> {
    this.#facts.showPage();
    if (this.#isRestricted) return;
    try {
      await this.#showStatistics();
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      this.#isRestricted = true;
      this.#rules = DEFAULT_RULES;
      this.#server.setRestricted();
    }
    this.#selectFirst();
  }

  async #showStatistics(): Promise<void> {
    const statistics = await this.#api.statistics();
    this.#rules = statistics.rules;
    this.#enter(statistics.epoch);
    this.#feed.setAnomalyRule(statistics.rules);
    this.#server.show(statistics, this.#theme.palette);
    this.#facts.showRun(statistics.rules, statistics.epoch);
    this.#symbols.expect(statistics.symbols);
    this.#cluster.begin();
    setText(findPart(this.#header, 'version', HTMLElement), `Version ${statistics.version}`);
  }

  async #loadAnomalies(): Promise<void> {
    await this.#feed.loadAnomalies();
    this.#loop.request();
  }

  async #loadAlerts(rules: readonly RuleRecord[]): Promise<void> {
    this.#chart.setAlertRules(rules);
    await this.#feed.loadAlerts(rules);
    this.#loop.request();
  }

  #showAlertsOf(rule: string): void {
    this.#feed.showRule(rule);
    this.#views.openMarket();
    findById('feed').scrollIntoView({ block: 'nearest' });
    this.#loop.request();
  }

  /** Until the user selects a symbol, the chart shows the most active one. */
  #selectFirst(): void {
    if (this.#chart.symbol !== undefined || this.#rules === undefined) return;
    let first: { symbol: string; count: number } | undefined;
    for (const row of this.#market.rows()) if (row.count > (first?.count ?? 0)) first = row;
    if (first !== undefined) this.#select(first.symbol);
  }

  #select(symbol: string): void {
    if (this.#rules === undefined || symbol === this.#chart.symbol) return;
    if (this.#subscriber.state === 'closed') return;
    const previous = this.#selection;
    this.#selection = this.#subscriber.subscribe(symbol, { anomalies: false });
    previous?.unsubscribe();
    this.#chart.select(symbol, this.#market.get(symbol), this.#rules);
    this.#symbols.select(symbol);
    this.#loop.request();
  }

  #visibilityChanged(): void {
    if (this.#subscriber.state !== 'closed') {
      this.#subscriber.setConflateMs(document.hidden ? CONFLATE_HIDDEN_MS : CONFLATE_MS);
    }
    if (document.hidden) return;
    this.#statistics.now();
    this.#symbols.refresh();
    this.#tick();
  }

  #tick(): void {
    this.#connection.tick();
    this.#sync.tick();
    this.#loop.request();
  }

  #draw(nowMs: number): void {
    const serverTime = Date.now() + (this.#subscriber.latency?.clockOffsetMs ?? 0);
    const { symbol } = this.#chart;
    this.#symbols.draw(nowMs, serverTime, this.#theme.palette);
    this.#chart.draw(
      nowMs,
      serverTime,
      symbol === undefined ? undefined : this.#market.get(symbol),
    );
    this.#feed.draw(nowMs, serverTime);
  }
}
