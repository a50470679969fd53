import { onTestFinished } from 'vitest';
import type { EngineOptions } from '../../src/engine/index.ts';
import { AlertProducer } from '../../src/engine/memory/alert-ring.ts';
import type { PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { createMetrics, Gateway, type GatewayContext } from '../../src/gateway/index.ts';
import { Assets, createRouter } from '../../src/http/index.ts';
import type { Alert } from '../../src/protocol/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { gatewayContext } from '../../testkit/gateway-context.ts';
import { EngineRun } from './engine-run.ts';
import { InlineWorkers } from './inline-workers.ts';
import { type StoreFolder, StoreLines } from './store-folder.ts';

/** What is the same in most alerts of a test. */
const USUAL = {
  rule: 'flash',
  kind: 'spike',
  episode: 1,
  phase: 1,
  level: 1,
  direction: 1,
  reference: 100,
  price: 103,
  changePercent: 3,
  startTime: 1000,
  peak: 103,
  count: 1,
  reason: 0,
} as const;

interface RigOptions {
  readonly perSymbol?: number;
  readonly mode?: 'async' | 'sync';
  readonly rules?: EngineOptions['rules'];
}

/** What an alert may differ in from {@link AlertRig.raise}'s default. */
type Change = Partial<Omit<Alert, 'symbol' | 'sequence'>>;

/** A gateway whose alerts the test appends to the rings, as the rules of a partition would. */
export class AlertRig {
  readonly context: GatewayContext;
  readonly store: Store | undefined;
  readonly port: number;
  readonly #gateway: Gateway;
  readonly #producers: readonly AlertProducer[];
  readonly #next = new Map<string, number>();
  #stopped: Promise<void> | undefined;

  private constructor(
    context: GatewayContext,
    gateway: Gateway,
    producers: readonly AlertProducer[],
  ) {
    this.context = context;
    this.store = context.store;
    this.port = gateway.port;
    this.#gateway = gateway;
    this.#producers = producers;
  }

  /**
   * @param symbols that have a tick
   * @param folder undefined: no store
   */
  static async start(
    symbols: readonly string[],
    folder?: StoreFolder,
    { perSymbol = 64, mode = 'async', rules }: RigOptions = {},
  ): Promise<AlertRig> {
    const options = folder?.options({ mode });
    const store = options && (await openStore(options, new StoreLines()));
    const producers: AlertProducer[] = [];
    const workers = new InlineWorkers();
    const spawn = (data: PartitionWorkerData) => {
      producers.push(new AlertProducer(data.memory.alerts as SharedArrayBuffer));
      return workers.spawn(data);
    };
    const { engine } = await EngineRun.start({ alerts: true, spawn, rules });
    const price = { prices: [100], times: [1], receivedAt: 1, receivedUs: 1 };
    for (const symbol of symbols) {
      const bytes = new TextEncoder().encode(symbol);
      const ticks = { ...price, prices: Float64Array.of(100), times: Float64Array.of(1) };
      engine.tryOffer(engine.symbols.register(bytes, 0, bytes.length), ticks, 0);
    }
    engine.publishTicks();
    const context = gatewayContext(
      engine,
      {
        server: { port: 0, transport: 'node', drainMs: 200 },
        stream: { recentAnomaliesPerSymbol: perSymbol },
        store: options ?? { directory: '' },
      },
      store,
    );
    const assets = await Assets.read('no such folder');
    const gateway = await Gateway.start(context, (sessions) =>
      createRouter(context, sessions, assets, createMetrics(context)),
    );
    const rig = new AlertRig(context, gateway, producers);
    for (const symbol of symbols) {
      rig.#next.set(symbol, (store?.alerts.lastSequence(symbol) ?? 0) + 1);
    }
    onTestFinished(() => rig.stop());
    return rig;
  }

  /** Appends an alert of a symbol to its partition's ring; returns it. */
  raise(symbol: string, change: Change = {}): Alert {
    const sequence = this.#next.get(symbol) as number;
    this.#next.set(symbol, sequence + 1);
    const alert: Alert = {
      ...USUAL,
      symbol,
      sequence,
      time: 1000 + sequence,
      ...change,
    };
    const { engine, scheduler } = this.context;
    const symbolId = engine.symbols.findName(symbol);
    const producer = this.#producers[engine.symbols.partition(symbolId)] as AlertProducer;
    producer.append(
      symbolId,
      sequence,
      engine.ruleTable.id(alert.rule, alert.kind),
      alert.episode,
      alert.phase,
      alert.level,
      alert.direction,
      alert.reference,
      alert.price,
      alert.changePercent,
      alert.time,
      alert.startTime,
      alert.peak,
      alert.count,
      alert.reason,
    );
    scheduler.schedule();
    return alert;
  }

  /** Stops as a server does. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#gateway.stop();
    await this.context.engine.stop(...this.#gateway.lastRecords);
    await this.store?.close();
  }
}
