import type { Subscriber } from '../../../client-sdk/src/index.ts';
import type { PartitionStatistics, Rules } from '../http-api.ts';
import { FactList, findPart, setFlag, setText } from '../page/dom.ts';
import { formatBandwidth, formatCount, formatMilliseconds, formatRate } from '../page/format.ts';
import { TickRate } from './rates.ts';

/** From here on, a queue counts as nearly full. */
const FULL_FROM = 0.8;

/** Queue, rate and latency of each partition. */
export class PartitionTable {
  readonly #body: HTMLElement;
  readonly #lines: PartitionLine[] = [];

  constructor(root: HTMLElement) {
    this.#body = findPart(root, 'partition-rows', HTMLElement);
  }

  show(partitions: readonly PartitionStatistics[], rates: readonly number[]): void {
    while (this.#lines.length < partitions.length) {
      const line = new PartitionLine();
      this.#lines.push(line);
      this.#body.append(line.element);
    }
    for (const line of this.#lines.splice(partitions.length)) line.element.remove();
    partitions.forEach((partition, i) => {
      this.#lines[i]?.show(partition, rates[i] ?? Number.NaN);
    });
  }
}

class PartitionLine {
  readonly element = document.createElement('tr');
  readonly #name = document.createElement('td');
  readonly #queue = document.createElement('td');
  readonly #depth = document.createElement('span');
  readonly #bar = document.createElement('span');
  readonly #fill = document.createElement('i');
  readonly #rate = document.createElement('td');
  readonly #latency = document.createElement('td');

  constructor() {
    this.#queue.className = 'queue';
    this.#bar.className = 'queue-bar';
    this.#bar.append(this.#fill);
    this.#queue.append(this.#depth, this.#bar);
    this.element.append(this.#name, this.#queue, this.#rate, this.#latency);
  }

  show(partition: PartitionStatistics, rate: number): void {
    const { queueDepth: depth, queueCapacity: capacity, restarts } = partition;
    setText(this.#name, String(partition.partition));
    setText(this.#depth, formatCount(depth));
    const share = capacity > 0 ? Math.min(1, depth / capacity) : 0;
    this.#fill.style.transform = `scaleX(${share.toFixed(3)})`;
    setFlag(this.#bar, 'data-full', share >= FULL_FROM);
    this.#queue.title = `${formatCount(depth)} of ${formatCount(capacity)} places taken`;
    setText(this.#rate, formatRate(rate));
    setText(this.#latency, `${formatMilliseconds(partition.p99LatencyMs)} ms`);
    this.element.title = `The worker was replaced ${restarts} times`;
  }
}

const PAGE_FACTS = ['Updates', 'Received', 'Reconnects'] as const;
const RUN_FACTS = ['Average of', 'Epoch'] as const;

/** What this page receives, and facts about the server's run. */
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
