import type { Engine } from '../../engine/index.ts';
import type { Span, Tracing } from '../../telemetry/tracing.ts';
import { FanOut } from '../fanout/fan-out.ts';
import type { SessionOpener } from '../sessions/upgrades.ts';
import type { SocketHandler } from '../transport/transport.ts';
import type { TickIntake } from './tick-intake.ts';

/** Least time between two samples, ms. */
const SAMPLE_MS = 1000;
/** A frame that is not applied by then is given up, ms: the disk fails, or a worker hangs. */
const PENDING_MS = 10_000;

/** How far the engine is. */
export type EngineProgress = Pick<Engine, 'offeredTo' | 'partitions' | 'status'>;

/**
 * Traces a frame of ticks from its receipt to subscribers, one a second. It counts as applied at
 * the first flush that finds every partition past what was offered until then, and as delivered
 * when that flush has handed its frames to the sockets.
 */
export class TickSampler {
  readonly #tracing: Tracing;
  readonly #engine: EngineProgress;
  readonly #totals: Pick<TickIntake['totals'], 'accepted'>;
  readonly #clock: () => number;
  /** Ticks offered to each partition until the frame was in. */
  readonly #offered: Float64Array;
  readonly #offeredNow: Float64Array;
  #span: Span | undefined;
  #isApplied = false;
  #sampledAt = Number.NEGATIVE_INFINITY;

  /** @param clock monotonic, ms */
  constructor(
    tracing: Tracing,
    engine: EngineProgress,
    totals: Pick<TickIntake['totals'], 'accepted'>,
    clock: () => number = () => performance.now(),
  ) {
    this.#tracing = tracing;
    this.#engine = engine;
    this.#totals = totals;
    this.#clock = clock;
    this.#offered = new Float64Array(engine.partitions);
    this.#offeredNow = new Float64Array(engine.partitions);
  }

  /** Passes a publisher's message on, and samples it if one is due. */
  message(data: Uint8Array | string, take: (data: Uint8Array | string) => void): void {
    const now = this.#clock();
    const sinceMs = now - this.#sampledAt;
    if (sinceMs < (this.#span === undefined ? SAMPLE_MS : PENDING_MS)) {
      take(data);
      return;
    }
    this.#span?.fail(`not applied within ${PENDING_MS} ms`);
    this.#span = undefined;
    const before = this.#totals.accepted;
    const span = this.#tracing.start('tick');
    take(data);
    const ticks = this.#totals.accepted - before;
    // Something else than ticks: a span that never ends is not exported.
    if (ticks === 0) return;
    span.event('accepted', { 'tickwire.ticks': ticks });
    this.#engine.offeredTo(this.#offered);
    this.#span = span;
    this.#isApplied = false;
    this.#sampledAt = now;
  }

  /** A flush begins, which will show what is applied now. */
  beforeFlush(): void {
    if (this.#span === undefined || !this.#isPast()) return;
    this.#isApplied = true;
    this.#span.event('applied');
  }

  /** @param frames that it sent to subscribers */
  afterFlush(frames: number): void {
    if (this.#span === undefined || !this.#isApplied) return;
    this.#span.event('flushed', { 'tickwire.frames': frames });
    this.#span.end();
    this.#span = undefined;
  }

  /** Whether all ticks of the frame are out of their queues: then their symbols are marked. */
  #isPast(): boolean {
    const { partitions } = this.#engine;
    this.#engine.offeredTo(this.#offeredNow);
    for (let i = 0; i < partitions; i++) {
      const { queueDepth } = this.#engine.status(i);
      const left = (this.#offeredNow[i] as number) - queueDepth;
      if (left < (this.#offered[i] as number)) return false;
    }
    return true;
  }
}

/** A fan-out that tells the sampler of its flushes. */
export class SampledFanOut extends FanOut {
  readonly #sampler: TickSampler;

  constructor(sampler: TickSampler, ...parts: ConstructorParameters<typeof FanOut>) {
    super(...parts);
    this.#sampler = sampler;
  }

  override run(): number {
    this.#sampler.beforeFlush();
    const frames = super.run();
    this.#sampler.afterFlush(frames);
    return frames;
  }
}

/** Has the sampler see the messages of all publishers. Without one, `opener` is left as it is. */
export function samplePublishers(
  sampler: TickSampler | undefined,
  opener: SessionOpener,
): SessionOpener {
  if (sampler === undefined) return opener;
  return {
    refusal: (address) => opener.refusal(address),
    stream: (...socket) => opener.stream(...socket),
    publish: (...socket) => new SampledPublisher(sampler, opener.publish(...socket)),
  };
}

class SampledPublisher implements SocketHandler {
  readonly #sampler: TickSampler;
  readonly #handler: SocketHandler;
  readonly #take = (data: Uint8Array | string) => this.#handler.message(data);

  constructor(sampler: TickSampler, handler: SocketHandler) {
    this.#sampler = sampler;
    this.#handler = handler;
  }

  message(data: Uint8Array | string): void {
    this.#sampler.message(data, this.#take);
  }

  drain(): void {
    this.#handler.drain();
  }

  pong(mark: number): void {
    this.#handler.pong(mark);
  }

  close(code: number): void {
    this.#handler.close(code);
  }
}
