import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseLoadOptions, shownCommandLine } from '../../loadgen/load-options.ts';
import type { Report } from '../../loadgen/report.ts';
import { formatReport } from '../../loadgen/report-text.ts';
import { runScenario } from '../../loadgen/scenario.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createLogger } from '../../src/log.ts';
import { type Server, startServer } from '../../src/server.ts';
import { folderForSuite } from '../support/folders.ts';
import { serverForTest } from '../support/running-server.ts';
import { SECRET, signed } from '../support/tokens.ts';

let server: Server;
const directory = folderForSuite();

beforeAll(async () => {
  const config = parseConfig({
    server: { port: 0, drainMs: 500 },
    processing: { partitions: 1, overflow: 'wait', channelCapacity: 4096 },
    store: { directory: '' },
  });
  server = await startServer(config, createLogger('silent', 'json', false));
});
afterAll(async () => {
  await server.stop();
});

/** Runs with these flags in this process: the subscribers, too. */
function run(...flags: string[]): Promise<Report> {
  const url = `ws://127.0.0.1:${server.port}`;
  const argv = ['--url', url, '--subscriber-processes', '0', ...flags];
  return runScenario(parseLoadOptions(argv), '', new AbortController().signal);
}

describe.each(['binary', 'json'])('a load run over %s', (encoding) => {
  it('publishes on schedule, measures, and finds every mirror right', async () => {
    const report = await run(
      `--encoding=${encoding}`,
      '--symbols=40',
      '--rate=4000',
      '--duration=1',
      '--publishers=2',
      '--subscribers=6',
      '--subscriptions=10',
      '--wildcard=1',
      '--slow=1',
      '--jump-probability=0.001',
      '--conflate-ms=20',
    );
    expect(report.failures).toEqual([]);
    expect(report.faults).toEqual([]);
    const { publish, delivery, deliveryLatency, ackLatency } = report;
    // Each tick is due 0.25 ms after the one before, from 0 on.
    expect(publish.sent).toBeGreaterThan(1000);
    expect(publish.sent).toBeLessThanOrEqual(4001);
    expect(publish.accepted).toBe(publish.sent);
    expect(delivery).toMatchObject({ subscribers: 6, verified: 6, compared: 6, exact: 6 });
    expect(delivery.updates).toBeGreaterThan(delivery.entries);
    expect(delivery.anomalies).toBeGreaterThan(0);
    expect(deliveryLatency?.count).toBeGreaterThan(20);
    expect(deliveryLatency?.p50).toBeGreaterThan(0);
    expect(ackLatency.count).toBeGreaterThan(20);
    expect(formatReport(report)).toContain('all checks passed');
  });
});

const IN_PROCESS = ['--subscriber-processes=0'];

describe('a load run with a token', () => {
  const claims = (operator: boolean) => ({
    tickwire: { read: ['*'], publish: ['*'], operator },
  });

  async function runAt(port: number, ...flags: string[]): Promise<Report> {
    const argv = [
      `--url=ws://127.0.0.1:${port}`,
      '--symbols=20',
      '--duration=0.3',
      ...IN_PROCESS,
      ...flags,
    ];
    return runScenario(parseLoadOptions(argv), '', new AbortController().signal);
  }

  it('sends it with every request', async () => {
    const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
    const report = await runAt(port, `--token=${await signed(claims(true))}`);
    expect(report.failures).toEqual([]);
    expect(report.faults).toEqual([]);
    expect(report.publish.accepted).toBeGreaterThan(100);
    expect(report.delivery).toMatchObject({ subscribers: 10, verified: 10 });
    expect(report.serverStatistics?.totalProcessed).toBe(report.publish.accepted);
  });

  it("does without the server's own numbers where it is no operator's", async () => {
    const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
    const report = await runAt(port, `--token=${await signed(claims(false))}`);
    expect(report.delivery).toMatchObject({ subscribers: 10, verified: 10 });
    expect(report.serverStatistics).toBeUndefined();
  });

  it('says that one is missing', async () => {
    const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
    const run = runAt(port);
    await expect(run).rejects.toThrow(/let the run in: a token is required.* TICKWIRE_TOKEN/);
  });

  it('keeps it out of the report', () => {
    const argv = ['--token', 'secret', '--rate=1', '--token=secret'];
    expect(shownCommandLine(argv)).toBe('npm run load -- --token … --rate=1 --token=…');
  });

  it('finds it in the environment too', () => {
    vi.stubEnv('TICKWIRE_TOKEN', 'from the environment');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(parseLoadOptions([]).token).toBe('from the environment');
    expect(parseLoadOptions(['--token=given']).token).toBe('given');
  });
});

describe('a load run', () => {
  it('goes as fast as credit allows', async () => {
    const report = await run('--rate', 'max', '--duration', '0.5', '--subscribers', '0');
    expect(report.failures).toEqual([]);
    // At the rate it has if nothing is said, 5000 would be due in this time.
    expect(report.publish.sent).toBeGreaterThan(2 * 4096);
  });

  it('replays a recording at a multiple of its pace', async () => {
    const file = join(directory, 'ticks.csv');
    const rows = Array.from({ length: 200 }, (_, i) => `REC-${i % 3},${100 + i},${1e12 + i * 20}`);
    await writeFile(file, ['symbol,price,timestamp', ...rows].join('\n'));
    const report = await run('--csv', file, '--speed', '10', '--subscribers', '2');
    expect(report.failures).toEqual([]);
    expect(report.publish).toMatchObject({ sent: 200, accepted: 200 });
    // 199 × 20 ms at ten times the pace.
    expect(report.publish.elapsedMs).toBeGreaterThan(390);
    expect(report.deliveryLatency).toBeUndefined();
    expect(report.delivery).toMatchObject({ subscribers: 2, verified: 2 });
  });

  it('ends early on request, and is checked as usual', async () => {
    const url = `ws://127.0.0.1:${server.port}`;
    const argv = ['--url', url, '--subscriber-processes', '0', '--duration', '60'];
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(), 300);
    const report = await runScenario(parseLoadOptions(argv), '', interrupt.signal);
    expect(report.failures).toEqual([]);
    expect(report.publish.elapsedMs).toBeLessThan(10_000);
    expect(report.delivery.verified).toBe(10);
  });

  it('does not begin without a server', async () => {
    const argv = ['--url', 'ws://127.0.0.1:1', '--subscriber-processes', '0'];
    const running = runScenario(parseLoadOptions(argv), '', new AbortController().signal);
    await expect(running).rejects.toThrow('ECONNREFUSED');
  });
});
