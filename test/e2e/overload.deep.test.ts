import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Report } from '../../loadgen/report.ts';
import { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { ServerApi } from '../../loadgen/soak/server-api.ts';
import { ManagedProcess, programArgs } from '../../testkit/managed-process.ts';
import { EagerPublisher } from '../support/eager-publisher.ts';
import { folderForTest } from '../support/folders.ts';
import { OverloadWatch } from '../support/overload-watch.ts';

const POLICIES = ['dropOldest', 'dropNewest', 'wait'] as const;
/** Long enough that the first half has the heap at its size. */
const LOAD_S = 4;
/** Subscribers give up after 2.5 of these: longer than the tolerated delay. */
const HEARTBEAT_MS = 500;
/** Delay of a response or heartbeat on a busy machine. */
const LATE_MS_MAX = 1000;
/** Transit and queueing on a busy machine. */
const TICK_AGE_MS_MAX = 2000;
const MIB = 2 ** 20;
/** Less than a frame: on any machine, unthrottled publishers may overrun it. */
const QUEUE_TICKS = 1024;
const FRAME_TICKS = 4096;

/** The market's most active symbols, some of each publisher: a queue may have ticks of one only. */
const BUSIEST = 'SYM-0000*';

async function serverForTest(policy: string): Promise<DurableServer> {
  const server = await DurableServer.create([
    '--processing.partitions=1',
    `--processing.channelCapacity=${QUEUE_TICKS}`,
    `--processing.overflow=${policy}`,
    `--server.heartbeatMs=${HEARTBEAT_MS}`,
  ]);
  onTestFinished(() => server.remove());
  await server.start();
  return server;
}

/** Runs the load tool at full speed and reads its report. */
async function overload(url: string): Promise<Report> {
  const folder = folderForTest();
  const json = join(folder, 'report.json');
  const flags = '--rate max --publishers 3 --subscribers 3 --slow 1 --subscriber-processes 0';
  const args = [...programArgs('loadgen/main'), '--url', url, '--duration', String(LOAD_S)];
  args.push('--frame', String(FRAME_TICKS));
  const tool = new ManagedProcess(process.execPath, [...args, '--json', json, ...flags.split(' ')]);
  onTestFinished(() => tool.kill('SIGKILL'));
  await tool.exited;
  return JSON.parse(await readFile(json, 'utf8')) as Report;
}

it.each(POLICIES)(
  'overload under %s does what it says, and nothing else suffers',
  async (policy) => {
    const server = await serverForTest(policy);
    const api = new ServerApi(server.port);
    const watch = await OverloadWatch.start(server, BUSIEST);
    const eager = policy === 'wait' ? await EagerPublisher.start(server.port) : undefined;
    const { publish, failures, faults } = await overload(server.url);
    const held = await eager?.stop();
    const seen = await watch.stop();
    const counts = await api.settled();
    const { applied, arrival, lapped, skipped } = counts;
    // The load tool's.
    const accepted = counts.accepted - (held?.sent ?? 0);

    expect({ failures, faults }).toEqual({ failures: [], faults: [] });
    expect(publish).toMatchObject({ accepted, dropped: arrival, rejected: 0, unacknowledged: 0 });
    expect({ applied, skipped }).toEqual({ applied: counts.accepted - lapped, skipped: 0 });
    expect(applied).toBeGreaterThan(10 * QUEUE_TICKS);
    if (policy === 'dropOldest') {
      expect(arrival).toBe(0);
      expect(lapped).toBeGreaterThan(accepted / 100);
    } else if (policy === 'dropNewest') {
      expect(lapped).toBe(0);
      expect(arrival).toBeGreaterThan(publish.sent / 100);
    } else {
      expect({ lapped, arrival, accepted }).toEqual({
        lapped: 0,
        arrival: 0,
        accepted: publish.sent,
      });
      expect(seen.queueDepthMax).toBeLessThanOrEqual(QUEUE_TICKS);
      // Throttled repeatedly and most of the time: nothing else slowed this publisher.
      expect(held).toMatchObject({ accepted: held?.sent, refused: 0 });
      expect(held?.stalls).toBeGreaterThan(20);
      expect(held?.stalledShare).toBeGreaterThan(0.25);
    }
    if (policy === 'dropOldest') expect(seen.tickAgeMsMax).toBeLessThan(TICK_AGE_MS_MAX);
    expect(seen.answersMs.length).toBeGreaterThan(20);
    expect(seen.answerMsP99, 'HTTP answers').toBeLessThan(LATE_MS_MAX);
    expect(seen.heartbeats).toBeGreaterThanOrEqual(LOAD_S);
    expect(seen.heartbeatGapMsMax, 'heartbeats').toBeLessThan(HEARTBEAT_MS + LATE_MS_MAX);
    expect(seen.rssGrowthBytes, 'memory').toBeLessThan(48 * MIB);
  },
);
