import type { Subscriber } from '../../client-sdk/src/index.ts';
import { FactList } from './fact-list.ts';
import { findPart } from './find-part.ts';
import type { Rules } from './http-api.ts';
import { formatBandwidth, formatCount, formatRate } from './number-format.ts';
import { TickRate } from './tick-rate.ts';

const PAGE_FACTS = ['Updates', 'Received', 'Reconnects'] as const;
const RUN_FACTS = ['Average of', 'Epoch'] as const;

/** What this page itself receives, and what else is to be known of the server's run. */
export class PageFacts {
  readonly #subscriber: Subscriber;
  readonly #page: FactList<(typeof PAGE_FACTS)[number]>;
  readonly #run: FactList<(typeof RUN_FACTS)[number]>;
  readonly #frameRate = new TickRate();
  readonly #byteRate = new TickRate();

  constructor(root: HTMLElement, subscriber: Subscriber) {
    this.#subscriber = subscriber;
    this.#page = new FactList(findPart(root, 'page-facts', HTMLElement), PAGE_FACTS);
    this.#run = new FactList(findPart(root, 'run-facts', HTMLElement), RUN_FACTS);
  }

  showPage(): void {
    const { statsFrames, bytes, reconnects } = this.#subscriber.counters;
    const nowMs = performance.now();
    this.#page.set('Updates', `${formatRate(this.#frameRate.add(nowMs, statsFrames))} /s`);
    this.#page.set('Received', formatBandwidth(this.#byteRate.add(nowMs, bytes)));
    this.#page.set('Reconnects', formatCount(reconnects));
  }

  showRun(rules: Rules, epoch: string): void {
    this.#run.set('Average of', `${formatCount(rules.movingAverageWindow)} ticks`);
    this.#run.set('Epoch', epoch);
  }
}
