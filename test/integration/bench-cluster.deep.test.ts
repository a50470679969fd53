import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ClusterResults } from '../../bench/cluster/report.ts';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { folderForTest } from '../support/folders.ts';

const PROGRAM = builtProgram('bench/cluster/main');
/** As small as it goes. A lease that a busy machine keeps. */
const FLAGS = '--rounds 1 --seconds 0.3 --kills 1 --rate 2000 --shards 16 --lease 6000'.split(' ');

const isMissing = (await findNatsServer()) === undefined && !process.env.CI;

describe.skipIf(isMissing)(`bench:cluster${isMissing ? ` (needs ${NATS_SOURCE})` : ''}`, () => {
  it('measures every experiment', { timeout: 600_000 }, async () => {
    const out = join(folderForTest(), 'out.json');
    const program = new ManagedProcess(process.execPath, [PROGRAM, ...FLAGS, '--out', out]);
    expect(await program.exited, program.output).toBe(0);
    const results = JSON.parse(await readFile(out, 'utf8')) as ClusterResults;
    expect(results.broker).toMatch(/v2\.\d+/);
    expect(results.syncMs).toEqual([expect.toSatisfy(isAboveZero), expect.toSatisfy(isAboveZero)]);
    const failures = results.experiments.filter(({ failure }) => failure !== undefined);
    expect(failures).toEqual([]);
    const cells = Object.fromEntries(
      results.experiments.map(({ name, rounds }) => {
        return [name, Object.fromEntries(Object.entries(rounds).map(([at, [one]]) => [at, one]))];
      }),
    );
    const has = (isRight: (value: unknown) => boolean, keys: readonly string[]) =>
      expect.objectContaining(
        Object.fromEntries(keys.map((key) => [key, expect.toSatisfy(isRight)])),
      );
    const above = (...keys: readonly string[]) => has(isAboveZero, keys);
    expect(cells).toEqual({
      rest: { '16 shards': above('owner', 'ingest', 'serve', 'broker') },
      costs: {
        '200 ticks/s, 16 shards': above('ingest', 'owner', 'serve', 'broker', 'all', 'messages'),
        '2,000 ticks/s, 16 shards': above('ingest', 'owner', 'serve', 'broker', 'all', 'rows'),
        '200 ticks/s, one process': above('all'),
        '2,000 ticks/s, one process': above('all'),
      },
      // 0 where a busy machine keeps up with none.
      throughput: { '16 shards': has(isFigure, ['rate']), 'one process': has(isFigure, ['rate']) },
      latency: {
        '100 ticks/s, one process': above('p50', 'p99'),
        '100 ticks/s, same edge': above('p50', 'p99', 'ratio'),
        '100 ticks/s, edge to edge': above('p50', 'p99', 'ratio'),
        '1,000 ticks/s, one process': above('p50', 'p99'),
        '1,000 ticks/s, same edge': above('p50', 'p99', 'ratio'),
        '1,000 ticks/s, edge to edge': above('p50', 'p99', 'ratio'),
      },
      takeover: {
        'SIGKILL, lease 6,000 ms': above('seen', 'still', 'otherStill'),
        'SIGTERM, lease 6,000 ms': above('seen', 'still', 'otherStill'),
      },
      edges: {
        '16 shards, 1 edge': above('owner', 'broker', 'first'),
        '16 shards, 2 edges': above('ownerRatio', 'brokerRatio', 'firstRatio', 'further'),
        '16 shards, 3 edges': above('ownerRatio', 'brokerRatio', 'firstRatio', 'further'),
      },
    });
  });

  it.each([
    ['--only', 'nonsense'],
    ['--brokers', '0'],
    ['--seconds', 'long'],
  ])('refuses %s %s', async (...flags) => {
    const program = new ManagedProcess(process.execPath, [PROGRAM, ...flags]);
    expect(await program.exited).toBe(2);
    expect(program.output).toContain(flags[0]);
  });
});

it('says how to get a broker', async () => {
  const env = { ...process.env, NATS_SERVER: '/no/such/program' };
  const program = new ManagedProcess(process.execPath, [PROGRAM], { env });
  expect(await program.exited).toBe(1);
  expect(program.output).toContain('https://nats.io/download');
});

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isAboveZero(value: unknown): boolean {
  return isFigure(value) && value > 0;
}
