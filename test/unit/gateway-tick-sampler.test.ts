import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import { expect, it, onTestFinished } from 'vitest';
import { TickSampler } from '../../src/gateway/ingest/tick-sampler.ts';
import { OtlpTracing } from '../../src/telemetry/otlp-spans.ts';
import { SpanQueue } from '../../src/telemetry/span-queue.ts';
import { EngineRun } from '../support/engine-run.ts';

const SYMBOLS = 8;

/** A sampler on an engine of two partitions, and what it traced. */
class SamplerRig {
  readonly run: EngineRun;
  readonly sampler: TickSampler;
  now = 0;
  readonly #totals = { accepted: 0 };
  readonly #spans: ReadableSpan[] = [];
  readonly #queue = new SpanQueue(async (batch) => {
    this.#spans.push(...batch);
    return true;
  });

  private constructor(run: EngineRun) {
    this.run = run;
    const provider = new TracerProvider({ spanProcessors: [this.#queue] });
    const tracing = new OtlpTracing(provider.getTracer('test'));
    this.sampler = new TickSampler(tracing, run.engine, this.#totals, () => this.now);
  }

  static async start(): Promise<SamplerRig> {
    const run = await EngineRun.start({ partitions: 2 });
    onTestFinished(() => run.engine.stop());
    run.register(SYMBOLS);
    return new SamplerRig(run);
  }

  /** A frame arrives, with a tick of each symbol, or none. */
  frame(ticks = SYMBOLS): void {
    this.sampler.message('', () => {
      for (let symbolId = 0; symbolId < ticks; symbolId++) {
        this.run.offer({ symbolId, price: 1, time: 1 });
        this.#totals.accepted++;
      }
    });
  }

  flush(frames: number): void {
    this.sampler.beforeFlush();
    this.sampler.afterFlush(frames);
  }

  async applied(): Promise<void> {
    do await this.run.turn();
    while (this.run.engine.isApplying());
  }

  async traced() {
    await this.#queue.forceFlush();
    return this.#spans.map(({ events, name, status }) => ({
      name,
      events: events.map((event) => [event.name, event.attributes]),
      reason: status.message,
    }));
  }
}

const delivered = (frames: number) => ({
  name: 'tick',
  reason: undefined,
  events: [
    ['accepted', { 'tickwire.ticks': SYMBOLS }],
    ['applied', {}],
    ['flushed', { 'tickwire.frames': frames }],
  ],
});

it('ends with the flush after all partitions have applied the frame, not before', async () => {
  const rig = await SamplerRig.start();
  rig.frame();
  rig.flush(1);
  expect(await rig.traced()).toEqual([]);
  // Others do not hold it up: they are behind it.
  await rig.applied();
  rig.frame();
  rig.flush(5);
  expect(await rig.traced()).toEqual([delivered(5)]);
});

it('samples a frame with ticks, once a second', async () => {
  const rig = await SamplerRig.start();
  rig.frame(0);
  for (const now of [0, 500, 999, 1000, 1500]) {
    rig.now = now;
    rig.frame();
    await rig.applied();
    rig.flush(now);
  }
  expect(await rig.traced()).toEqual([delivered(0), delivered(1000)]);
});

it('gives a frame up that is not applied within ten seconds, and samples the next', async () => {
  const rig = await SamplerRig.start();
  rig.frame();
  rig.now = 9999;
  rig.frame();
  expect(await rig.traced()).toEqual([]);
  rig.now = 10_000;
  rig.frame();
  const given = { name: 'tick', reason: 'not applied within 10000 ms' };
  expect(await rig.traced()).toMatchObject([given]);
  await rig.applied();
  rig.flush(2);
  expect(await rig.traced()).toMatchObject([given, delivered(2)]);
});
