import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Alert } from '../protocol/index.ts';
import { startThread } from '../threads/thread-calls.ts';
import type { SinkLog } from './sink.ts';
import { mayTake, type SinkAlert } from './sink-alert.ts';
import type { CrewConfig, SinkRule } from './sink-crew.ts';
import { createSinkFigures, SinkCounter, SinkFigures } from './sink-figures.ts';
import { readSavedSinks } from './sink-positions.ts';
import type { SinkReport, SinkRequest, SinkThreadData } from './sink-thread.ts';
import type { SinkConfig } from './target.ts';

/** Alerts as the store has them. */
export interface AlertSource {
  /** Ordinal of the next alert to be raised. */
  readonly next: number;
  /** Ordinal before which all alerts are on disk. */
  readonly durable: number;
  /** Up to `limit` alerts from an ordinal on, in their order. */
  from(ordinal: number, limit: number): Promise<readonly SinkAlert[]>;
}

export interface SinksOptions {
  /** The store's directory, where positions are kept, and its alerts; undefined: no store. */
  readonly store: { readonly directory: string; readonly alerts: AlertSource } | undefined;
  readonly log: SinkLog;
}

/** Alerts that wait for the thread: what is older is dropped. */
const BUFFER_MAX = 16_384;
/**
 * Alerts handed over at a time, and the shortest time between: at 5 to 10 µs each, a storm of
 * alerts takes no more than a tenth of the gateway's thread.
 */
const HANDED_MAX = 256;
const HANDED_MS = 25;
const DURABLE_MS = 1000;
/** Pause before a thread that failed is replaced, or a store that failed is read again, ms. */
const RETRY_MS = 1000;
/** Without a dropped alert for so long, the next one is logged again, ms. */
const DROP_LOG_MS = 10_000;

/** The sinks of a server, as its gateway sees them. They run on a thread of their own. */
export class Sinks {
  readonly #options: SinksOptions;
  readonly #figures = new Map<string, SinkFigures>();
  readonly #memory = new Map<string, SharedArrayBuffer>();
  #config: readonly SinkConfig[] = [];
  #rules: readonly SinkRule[] = [];
  /** In the order of ordinals. */
  #buffer: SinkAlert[] = [];
  #worker: Worker | undefined;
  /** Ordinal of the next alert that the thread is to get from the store, until it has them all. */
  #catchUpFrom: number | undefined;
  #isHanding = false;
  #timer: NodeJS.Timeout | undefined;
  /** Whether alerts are handed to the thread. */
  #isOn = false;
  #droppedAt = Number.NEGATIVE_INFINITY;
  #onTaken: (() => void) | undefined;
  #stopped: Promise<number> | undefined;
  #onStopped: ((waiting: number) => void) | undefined;

  constructor(options: SinksOptions) {
    this.#options = options;
  }

  /** What each sink counts, by its name; of those that were removed, too. */
  get figures(): ReadonlyMap<string, SinkFigures> {
    return this.#figures;
  }

  /** Takes what is in force now. The thread starts with the first sink. */
  configure(sinks: readonly SinkConfig[], rules: readonly SinkRule[]): void {
    this.#config = sinks;
    this.#rules = rules;
    for (const { settings } of sinks) {
      if (this.#memory.has(settings.name)) continue;
      const memory = createSinkFigures();
      this.#memory.set(settings.name, memory);
      this.#figures.set(settings.name, new SinkFigures(memory));
    }
    const next = this.#options.store?.alerts.next ?? 0;
    if (this.#worker !== undefined) {
      this.#post({ kind: 'configure', config: this.#crewConfig(next) });
    } else if (sinks.length > 0 && this.#timer === undefined) {
      this.#start();
    }
  }

  /** Takes an alert. Never waits. */
  append(alert: Alert, ordinal: number): void {
    if (!this.#isOn || !this.#config.some(({ settings }) => mayTake(settings, alert))) return;
    if (this.#buffer.length >= BUFFER_MAX) this.#drop();
    this.#buffer.push({ alert, ordinal });
    if (!this.#isHanding) void this.#hand();
  }

  /**
   * Delivers what waits, for at most `drainMs`.
   *
   * @returns alerts that were not delivered; with a store, the next start delivers them
   */
  stop(drainMs: number): Promise<number> {
    this.#stopped ??= this.#stop(drainMs);
    return this.#stopped;
  }

  async #stop(drainMs: number): Promise<number> {
    this.#isOn = false;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) return 0;
    const stopped = new Promise<number>((resolve) => {
      this.#onStopped = resolve;
    });
    // What the thread is still to get from the store, it gets at the next start.
    const rest = this.#catchUpFrom === undefined ? this.#buffer : [];
    if (rest.length > 0) this.#post({ kind: 'push', alerts: rest });
    this.#postDurable();
    this.#post({ kind: 'stop', drainMs });
    const waiting = await stopped;
    await worker.terminate();
    return waiting;
  }

  #start(): void {
    const { store } = this.#options;
    const next = store?.alerts.next ?? 0;
    const saved = store === undefined ? {} : readSavedSinks(store.directory, next);
    const positions = this.#config.map(({ settings }) => saved[settings.name]?.position ?? next);
    const first = Math.min(next, ...positions);
    const data: SinkThreadData = { directory: store?.directory, saved, next: first };
    const worker = startThread(import.meta.url, './sink-thread', data);
    worker.on('message', (report: SinkReport) => this.#take(report));
    let fault: Error | undefined;
    worker.on('error', (error: Error) => {
      fault = error;
    });
    worker.on('exit', () => this.#ended(fault));
    this.#worker = worker;
    this.#isOn = true;
    this.#catchUpFrom = first < next ? first : undefined;
    this.#post({ kind: 'configure', config: this.#crewConfig(next) });
    if (!this.#isHanding) void this.#hand();
  }

  /** Hands alerts to the thread while there are any: first those of the store, then new ones. */
  async #hand(): Promise<void> {
    this.#isHanding = true;
    while (this.#isOn) {
      const alerts = await this.#nextAlerts();
      // Some may have come meanwhile.
      if (alerts.length === 0 && this.#buffer.length > 0) continue;
      if (alerts.length === 0 || !this.#isOn) break;
      this.#postDurable();
      await this.#push(alerts);
      await delay(HANDED_MS);
    }
    this.#isHanding = false;
  }

  async #nextAlerts(): Promise<readonly SinkAlert[]> {
    if (this.#catchUpFrom !== undefined) {
      const alerts = await this.#stored(this.#catchUpFrom);
      const last = alerts.at(-1)?.ordinal;
      this.#catchUpFrom = last === undefined ? undefined : last + 1;
      if (last !== undefined) {
        this.#buffer = this.#buffer.filter(({ ordinal }) => ordinal > last);
        return alerts;
      }
    }
    return this.#buffer.splice(0, HANDED_MAX);
  }

  /** Without an end where the store cannot be read: sinks then wait as its other readers do. */
  async #stored(ordinal: number): Promise<readonly SinkAlert[]> {
    const { log, store } = this.#options;
    if (store === undefined) return [];
    for (let isFirst = true; this.#isOn; isFirst = false) {
      try {
        return await store.alerts.from(ordinal, HANDED_MAX);
      } catch (error) {
        if (isFirst) log.error({ err: error }, 'sinks cannot read alerts from the store');
        await delay(RETRY_MS);
      }
    }
    return [];
  }

  #push(alerts: readonly SinkAlert[]): Promise<void> {
    const taken = new Promise<void>((resolve) => {
      this.#onTaken = resolve;
    });
    this.#post({ kind: 'push', alerts });
    return taken;
  }

  /** The thread saves positions no further than the store has got. */
  #postDurable(): void {
    const { store } = this.#options;
    if (store === undefined) return;
    const { durable, next } = store.alerts;
    this.#post({ kind: 'durable', before: durable });
    if (durable < next && this.#isOn) this.#timer ??= setTimeout(this.#onTimer, DURABLE_MS);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#postDurable();
  };

  #take(report: SinkReport): void {
    if (report.kind === 'taken') this.#onTaken?.();
    else if (report.kind === 'stopped') this.#onStopped?.(report.waiting);
    else this.#options.log[report.level](report.fields, report.message);
  }

  /** The thread has ended, asked or not. Its successor begins with the positions saved last. */
  #ended(fault: Error | undefined): void {
    const { log } = this.#options;
    this.#worker = undefined;
    this.#onTaken?.();
    this.#onStopped?.(0);
    if (!this.#isOn) return;
    log.error({ err: fault }, 'the thread of the sinks has failed and is replaced');
    this.#isOn = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, RETRY_MS);
  }

  #drop(): void {
    for (const { alert } of this.#buffer.splice(0, HANDED_MAX)) {
      for (const { settings } of this.#config) {
        if (!mayTake(settings, alert)) continue;
        this.#figures.get(settings.name)?.add(SinkCounter.DROPPED_BEFORE, 1);
      }
    }
    const now = performance.now();
    if (now - this.#droppedAt > DROP_LOG_MS) {
      const message = 'more alerts are raised than sinks can take: the oldest are lost for them';
      this.#options.log.error({}, message);
    }
    this.#droppedAt = now;
  }

  #crewConfig(next: number): CrewConfig {
    const sinks = this.#config.map((config) => {
      const figures = this.#memory.get(config.settings.name) as SharedArrayBuffer;
      return { ...config, figures };
    });
    return { sinks, rules: this.#rules, next };
  }

  #post(request: SinkRequest): void {
    this.#worker?.postMessage(request);
  }
}
