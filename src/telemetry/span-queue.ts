import { type Context, TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace';

/** Spans that may wait; of more, the newest are dropped. */
export const QUEUE_MAX = 2048;
/** Spans of a request. */
const BATCH_MAX = 512;
/** Time that a span waits for others, ms. */
const BATCH_MS = 1000;

/**
 * Spans on their way to the collector, in batches, one request at a time. (The SDK's own queue
 * drops as well, but says so to nobody.)
 */
export class SpanQueue implements SpanProcessor {
  /** Spans that did not fit, or that the collector did not take. */
  dropped = 0;
  readonly #send: (batch: ReadableSpan[]) => Promise<boolean>;
  readonly #spans: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  /** @param send resolves with whether the collector took the batch; never rejects */
  constructor(send: (batch: ReadableSpan[]) => Promise<boolean>) {
    this.#send = send;
  }

  onStart(_span: Span, _parent: Context): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#spans.length === QUEUE_MAX) {
      this.dropped++;
      return;
    }
    this.#spans.push(span);
    this.#schedule();
  }

  /** Resolves when everything that waits has been sent or given up. */
  async forceFlush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#sending !== undefined || this.#spans.length > 0) await this.#sendNext();
  }

  shutdown(): Promise<void> {
    return this.forceFlush();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#sendNext();
    }, BATCH_MS).unref();
  }

  /** Sends the next batch, or waits for the one under way. */
  #sendNext(): Promise<void> {
    this.#sending ??= this.#sendBatch(this.#spans.splice(0, BATCH_MAX));
    return this.#sending;
  }

  async #sendBatch(batch: ReadableSpan[]): Promise<void> {
    if (!(await this.#send(batch))) this.dropped += batch.length;
    this.#sending = undefined;
    if (this.#spans.length >= BATCH_MAX) void this.#sendNext();
    else if (this.#spans.length > 0) this.#schedule();
  }
}
