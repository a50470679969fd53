import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKafka, KAFKA_SOURCE, KafkaBroker } from '../testkit/kafka-broker.ts';
import { parseMetrics } from '../testkit/metrics.ts';
import { ServerProcess } from '../testkit/server-process.ts';
import { delay } from '../testkit/until.ts';

const MESSAGES = 200_000;
const PER_WRITE = 10_000;
const SYMBOLS = 500;
const POLL_MS = 20;

/** Metrics of a server, and the CPU that it has used so far, s. */
async function scrape(port: number) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const metrics = parseMetrics(text);
  const value = (name: string) => metrics.get(name) ?? 0;
  return { value, cpu: value('process_cpu_seconds_total') };
}

interface Used {
  readonly seconds: number;
  readonly cpu: number;
}

/** Time and CPU that a server takes until a counter has got somewhere, s. */
async function measure(port: number, name: string, count: number): Promise<Used> {
  const before = await scrape(port);
  const from = performance.now();
  for (;;) {
    const { cpu, value } = await scrape(port);
    if (value(name) >= count) {
      return { seconds: (performance.now() - from) / 1000, cpu: cpu - before.cpu };
    }
    await delay(POLL_MS);
  }
}

function print(what: string, count: number, { cpu, seconds }: Used): void {
  const rate = Math.round(count / seconds).toLocaleString('en');
  process.stdout.write(`${what}: ${rate}/s, ${((cpu / count) * 1e6).toFixed(1)} µs of CPU each\n`);
}

async function run(libs: string): Promise<void> {
  const broker = await KafkaBroker.start(libs);
  await broker.createTopic('ticks', 1);
  await broker.createTopic('anomalies', 3);
  const time = Date.now() - MESSAGES;
  for (let from = 0; from < MESSAGES; from += PER_WRITE) {
    const messages = Array.from({ length: PER_WRITE }, (_, i) => {
      const tick = from + i;
      // A tenth of the ticks are moves of 10 %: anomalies.
      const price = Math.floor(tick / SYMBOLS) % 10 === 9 ? 110 : 100;
      return JSON.stringify({ symbol: `S${tick % SYMBOLS}`, price, timestamp: time + tick });
    });
    await broker.write('ticks', 0, messages);
  }
  const folder = mkdtempSync(join(tmpdir(), 'tickwire-bench-'));
  const flags = [`--store.directory=${folder}`, `--kafka.brokers=${broker.address}`];
  const source = await ServerProcess.start([...flags, '--kafka.ticksTopics=ticks']);
  const ticks = 'tickwire_kafka_source_ticks_total{topic="ticks"}';
  const read = await measure(source.port, ticks, MESSAGES);
  print('source, a JSON message a tick, with a store', MESSAGES, read);
  await source.stop();
  // As if Kafka had been away: all of them wait in the store.
  const positions = { anomalies: { topic: 'anomalies', position: 0 } };
  writeFileSync(join(folder, 'kafka.json'), JSON.stringify({ version: 1, positions }));
  const sink = await ServerProcess.start([...flags, '--kafka.anomaliesTopic=anomalies']);
  const sent = 'tickwire_kafka_sink_sent_records_total{topic="anomalies"}';
  const anomalies = Math.floor(MESSAGES / 10);
  print('sink, anomalies from the store', anomalies, await measure(sink.port, sent, anomalies));
  await sink.stop();
  rmSync(folder, { recursive: true });
  await broker.stop();
}

const libs = await findKafka();
if (libs === undefined) throw new Error(`This needs ${KAFKA_SOURCE}`);
await run(libs);
