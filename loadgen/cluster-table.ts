import { setTimeout as sleep } from 'node:timers/promises';
import { type Anomaly, connect, type Subscriber } from '../client-sdk/src/index.ts';
import type { Screen } from '../src/terminal-screen.ts';
import { demoLines } from './demo-table.ts';

const ANOMALIES_KEPT = 1000;
const VERIFY_MS = 2000;
/** Time for the last ticks to be delivered, ms. */
const SETTLE_MS = 15_000;

/** What a subscriber at an edge has. */
export class ClusterTable {
  readonly #url: string;
  readonly #screen: Screen;
  readonly #subscriber: Subscriber;
  readonly #anomalies: Anomaly[] = [];
  #isInSync: boolean | undefined;

  constructor(url: string, screen: Screen) {
    this.#screen = screen;
    this.#url = url.replace('ws:', 'http:');
    this.#subscriber = connect(url, { conflateMs: 100 });
    this.#subscriber.on('anomaly', (anomaly) => {
      this.#anomalies.unshift(anomaly);
      this.#anomalies.length = Math.min(this.#anomalies.length, ANOMALIES_KEPT);
    });
  }

  async subscribed(): Promise<void> {
    await this.#subscriber.subscribe('*').ready;
  }

  /** Shows it until the signal, above a last line. */
  async show(lastLine: () => string, signal: AbortSignal): Promise<void> {
    const screen = this.#screen;
    let verifyAt = 0;
    let shownAt = performance.now();
    let before = this.counted;
    for (;;) {
      await sleep(screen.everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const now = performance.now();
      if (now >= verifyAt) {
        this.#isInSync = (await this.#subscriber.verify()).equal;
        verifyAt = now + VERIFY_MS;
      }
      const { counted } = this;
      const ticksPerSecond = ((counted - before) / (now - shownAt)) * 1000;
      [before, shownAt] = [counted, now];
      const lines = demoLines(
        {
          url: this.#url,
          ticksPerSecond,
          symbols: [...this.#subscriber.symbols()],
          anomalies: this.#anomalies,
          isInSync: this.#isInSync,
          now: Date.now(),
        },
        screen.isTerminal,
        screen.width,
      );
      screen.show([...lines, lastLine()]);
    }
  }

  /** Ticks that its rows count. */
  get counted(): number {
    let counted = 0;
    for (const { updateCount } of this.#subscriber.symbols()) counted += updateCount;
    return counted;
  }

  /** Returns what it counts once that is everything, or time is up. */
  async settle(published: number): Promise<number> {
    const deadline = performance.now() + SETTLE_MS;
    while (this.counted !== published && performance.now() < deadline) await sleep(50);
    const { counted } = this;
    this.#subscriber.close();
    return counted;
  }
}
