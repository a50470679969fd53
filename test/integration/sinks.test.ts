import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Alert } from '../../src/protocol/index.ts';
import type { SinkAlert } from '../../src/sinks/sink-alert.ts';
import { SinkCounter } from '../../src/sinks/sink-figures.ts';
import type { SavedSinks } from '../../src/sinks/sink-positions.ts';
import { type AlertSource, Sinks } from '../../src/sinks/sinks.ts';
import { until } from '../../testkit/until.ts';
import { AlertReceiver, hang, status } from '../support/alert-receiver.ts';
import { sampleAlert, sampleEnd, sinkAlert, sinkConfig } from '../support/sink-samples.ts';

const RULES = [
  { name: 'flash', hasEpisodes: true },
  { name: 'run', hasEpisodes: true },
];

/** A store's alerts, and the folder for positions. */
class StoredAlerts implements AlertSource {
  readonly alerts: SinkAlert[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'tickwire-'));
  durable = Number.POSITIVE_INFINITY;

  constructor() {
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  get next(): number {
    return this.alerts.length;
  }

  from(ordinal: number, limit: number): Promise<readonly SinkAlert[]> {
    return Promise.resolve(this.alerts.slice(ordinal, ordinal + limit));
  }

  add(count: number, changes: Partial<Alert> = {}): SinkAlert[] {
    const added = Array.from({ length: count }, (_, i) =>
      sinkAlert(this.next + i, { symbol: `S${i % 10}`, ...changes }),
    );
    this.alerts.push(...added);
    return added;
  }
}

function start(store?: StoredAlerts): { sinks: Sinks; lines: string[] } {
  const lines: string[] = [];
  const take = (_fields: object, message: string) => {
    lines.push(message);
  };
  const sinks = new Sinks({
    store: store && { directory: store.directory, alerts: store },
    log: { info: take, warn: take, error: take },
  });
  onTestFinished(async () => {
    await sinks.stop(0);
  });
  return { sinks, lines };
}

function raise(sinks: Sinks, alerts: readonly SinkAlert[]): void {
  for (const { alert, ordinal } of alerts) sinks.append(alert, ordinal);
}

/** Undefined before the first save. */
function savedPosition({ directory }: StoredAlerts): number | undefined {
  const path = join(directory, 'sinks.json');
  if (!existsSync(path)) return undefined;
  const { sinks } = JSON.parse(readFileSync(path, 'utf8')) as { sinks: SavedSinks };
  return sinks.pager?.position;
}

const sequences = (receiver: AlertReceiver) => receiver.bodies.map(({ sequence }) => sequence);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('sinks', () => {
  it('need no thread where there are none', async () => {
    const { sinks } = start();
    sinks.configure([], RULES);
    sinks.append(sampleAlert(), 0);
    expect(await sinks.stop(1000)).toBe(0);
  });

  it('get what their rules, levels and phases say, in order', async () => {
    const [all, ends, runs] = [
      await AlertReceiver.start(),
      await AlertReceiver.start(),
      await AlertReceiver.start(),
    ];
    const { sinks } = start();
    sinks.configure(
      [
        sinkConfig(all.url, { name: 'all' }),
        sinkConfig(ends.url, { name: 'ends', phases: ['end'] }),
        sinkConfig(runs.url, { name: 'runs', rules: ['run'], levels: ['critical'] }),
      ],
      RULES,
    );
    const alerts = [sampleAlert(), sampleEnd(), sampleAlert({ sequence: 3, rule: 'run' })];
    raise(
      sinks,
      alerts.map((alert, ordinal) => ({ alert, ordinal })),
    );
    expect(await sinks.stop(20_000)).toBe(0);
    expect([all, ends, runs].map(sequences)).toEqual([[1, 2, 3], [2], [3]]);
    expect(sinks.figures.get('all')?.get(SinkCounter.DELIVERED)).toBe(3);
    expect(
      sinks.figures
        .get('all')
        ?.requests()
        .counts.reduce((a, b) => a + b),
    ).toBe(3);
  });

  it('harm neither each other nor a stop when one is slow', async () => {
    const [slow, quick] = [await AlertReceiver.start(), await AlertReceiver.start()];
    slow.answer = hang;
    const { sinks } = start();
    const configs = [
      sinkConfig(slow.url, { name: 'slow' }),
      sinkConfig(quick.url, { name: 'quick' }),
    ];
    sinks.configure(configs, RULES);
    raise(
      sinks,
      Array.from({ length: 100 }, (_, i) => sinkAlert(i, { symbol: `S${i}` })),
    );
    await until(() => quick.requests.length === 100);
    const begun = performance.now();
    expect(await sinks.stop(300)).toBe(100);
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('go on after a restart where they stopped', async () => {
    const receiver = await AlertReceiver.start();
    const store = new StoredAlerts();
    // Before the first start: not for a new sink.
    store.add(5);
    const first = start(store).sinks;
    const config = [sinkConfig(receiver.url)];
    first.configure(config, RULES);
    raise(first, store.add(3));
    await until(() => receiver.requests.length === 3);
    receiver.answer = status(503);
    raise(first, store.add(2));
    await until(() => receiver.requests.length > 3);
    expect(await first.stop(100)).toBe(2);
    receiver.answer = status(200);
    receiver.requests.length = 0;
    // Raised while no sink was there.
    store.add(300);
    const second = start(store).sinks;
    second.configure(config, RULES);
    raise(second, store.add(4));
    await until(() => receiver.requests.length === 306);
    const ascending = [...sequences(receiver)].sort((a, b) => Number(a) - Number(b));
    expect(ascending).toEqual(upTo(314).slice(8));
    expect(await second.stop(5000)).toBe(0);
    const file = JSON.parse(readFileSync(join(store.directory, 'sinks.json'), 'utf8'));
    expect(file).toEqual({ version: 1, sinks: { pager: { position: 314 } } });
  });

  it('repeat what was not on disk yet: it may be raised again', async () => {
    const receiver = await AlertReceiver.start();
    const store = new StoredAlerts();
    store.durable = 1;
    const first = start(store).sinks;
    first.configure([sinkConfig(receiver.url)], RULES);
    raise(first, store.add(3));
    await until(() => receiver.requests.length === 3);
    await first.stop(5000);
    receiver.requests.length = 0;
    const second = start(store).sinks;
    second.configure([sinkConfig(receiver.url)], RULES);
    await until(() => receiver.requests.length === 2);
    expect(new Set(sequences(receiver))).toEqual(new Set([2, 3]));
  });

  it('go on where their thread was when it died', async () => {
    const receiver = await AlertReceiver.start();
    const store = new StoredAlerts();
    const threads: Worker[] = [];
    const note = (thread: Worker) => threads.push(thread);
    process.on('worker', note);
    onTestFinished(() => {
      process.off('worker', note);
    });
    const { sinks, lines } = start(store);
    sinks.configure([sinkConfig(receiver.url)], RULES);
    raise(sinks, store.add(2));
    await until(() => receiver.requests.length === 2);
    await until(() => savedPosition(store) === 2);
    receiver.answer = status(503);
    raise(sinks, store.add(1));
    await until(() => receiver.requests.length > 2);
    receiver.requests.length = 0;
    receiver.answer = status(200);
    await threads[0]?.terminate();
    // Nobody hears of these before the next thread.
    raise(sinks, store.add(1));
    await until(() => receiver.requests.length >= 2);
    expect(new Set(sequences(receiver))).toEqual(new Set([3, 4]));
    expect(lines).toContain('the thread of the sinks has failed and is replaced');
    expect(await sinks.stop(5000)).toBe(0);
  });

  it('begin anew where their file is not theirs', async () => {
    const receiver = await AlertReceiver.start();
    const store = new StoredAlerts();
    store.add(5);
    writeFileSync(join(store.directory, 'sinks.json'), '{"version": 1, "sinks": {"pager": ');
    const { sinks } = start(store);
    sinks.configure([sinkConfig(receiver.url)], RULES);
    raise(sinks, store.add(1));
    await until(() => receiver.requests.length === 1);
    expect(sequences(receiver)).toEqual([6]);
  });

  it('keep what waits when the rule file changes', async () => {
    const [old, next] = [await AlertReceiver.start(), await AlertReceiver.start()];
    old.answer = status(503);
    const { sinks } = start();
    sinks.configure([sinkConfig(old.url)], RULES);
    raise(
      sinks,
      [0, 1, 2].map((ordinal) => sinkAlert(ordinal)),
    );
    await until(() => old.requests.length > 0);
    sinks.configure([sinkConfig(next.url)], RULES);
    await until(() => next.requests.length === 3);
    expect(sequences(next)).toEqual([1, 2, 3]);
    // The same file once more changes nothing, no sink takes nothing.
    sinks.configure([sinkConfig(next.url)], RULES);
    raise(sinks, [sinkAlert(3)]);
    await until(() => next.requests.length === 4);
    sinks.configure([], RULES);
    raise(sinks, [sinkAlert(4)]);
    expect(await sinks.stop(1000)).toBe(0);
    expect(next.requests).toHaveLength(4);
  });

  it('lose the oldest in a storm, and count them', async () => {
    const receiver = await AlertReceiver.start();
    const { sinks, lines } = start();
    sinks.configure([sinkConfig(receiver.url, { queueMax: 50 })], RULES);
    raise(
      sinks,
      Array.from({ length: 40_000 }, (_, i) => sinkAlert(i, { symbol: `S${i % 7}` })),
    );
    const count = (counter: SinkCounter) => sinks.figures.get('pager')?.get(counter) ?? 0;
    expect(count(SinkCounter.DROPPED_BEFORE)).toBeGreaterThan(20_000);
    await sinks.stop(20_000);
    const { DELIVERED, DROPPED, DROPPED_BEFORE } = SinkCounter;
    expect(count(DELIVERED) + count(DROPPED) + count(DROPPED_BEFORE)).toBe(40_000);
    expect(lines.filter((line) => line.startsWith('more alerts are raised'))).toHaveLength(1);
    expect(sequences(receiver).at(-1)).toBe(40_000);
  });
});
