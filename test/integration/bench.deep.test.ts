import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CONTENDERS, type ContenderKey } from '../../bench/contenders/contenders.ts';
import type { Results } from '../../bench/report/results.ts';
import { runWorkloads } from '../../bench/runner.ts';
import { measureDelivery } from '../../bench/workloads/delivery.ts';
import { ingest } from '../../bench/workloads/ingest.ts';
import type { Turn, WorkloadGroup } from '../../bench/workloads/workload.ts';
import { Clock } from '../../loadgen/clock.ts';
import { builtProgram } from '../../testkit/managed-process.ts';
import { folderForTest } from '../support/folders.ts';

const SETTING = { symbols: 12, sessions: 8, perSession: 5, rate: 2000 };
const SUBSCRIPTIONS_PER_SYMBOL_MIN = Math.floor((8 * 5) / 12);

function turnOf(key: ContenderKey, signal = new AbortController().signal): Turn {
  return { key, contender: CONTENDERS[key], seconds: 0.3, clock: new Clock(), signal };
}

/** A process's descendants. */
function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').map(Number),
  );
  return children.filter((child) => child > 0).flatMap((child) => [child, ...descendants(child)]);
}

describe('a fan-out', () => {
  it.each(['tickwire', 'tickwire-conflated', 'tickwire-stored', 'ceiling', 'ws'] as const)(
    'of %s delivers every update to every subscriber, and is measured',
    async (key) => {
      const figures = await measureDelivery(turnOf(key), SETTING);
      expect(figures.notSent).toBe(0);
      expect(figures.delivered).toBe(figures.expected);
      const due = 0.4 * SETTING.rate;
      expect(figures.expected).toBeGreaterThan(due * SUBSCRIPTIONS_PER_SYMBOL_MIN);
      expect(figures.cpuPerDelivery).toBeGreaterThan(0);
      expect(figures.bytesPerEntry).toBeGreaterThan(8);
      expect(figures.p50).toBeGreaterThan(0);
      expect(figures.p99).toBeGreaterThanOrEqual(figures.p50 ?? Number.NaN);
    },
  );

  it('is measured beside queries for history', async () => {
    const figures = await measureDelivery(turnOf('tickwire-stored'), { ...SETTING, queryRate: 50 });
    expect(figures.delivered).toBe(figures.expected);
  });

  it('ends early with its server on request', async () => {
    const interrupt = new AbortController();
    const measured = measureDelivery({ ...turnOf('ws', interrupt.signal), seconds: 60 }, SETTING);
    setTimeout(() => interrupt.abort(), 1000);
    await expect(measured).rejects.toThrow('aborted');
  });
});

it('counts the ticks that a server processes at full speed', async () => {
  const workload = ingest.workloads.find(({ name }) => name === 'ingest-256-of-100');
  const figures = await workload?.measure(turnOf('tickwire'));
  expect(figures?.ticksPerSecond).toBeGreaterThan(10_000);
  expect(figures?.cpuPerTick).toBeGreaterThan(0);
});

it('notes who is missing and what fails, and runs the rest', async () => {
  const lines: string[] = [];
  vi.stubEnv('CENTRIFUGO', '/no/such/program');
  onTestFinished(() => void vi.unstubAllEnvs());
  const group: WorkloadGroup = {
    name: 'tiny',
    title: 'Tiny',
    description: '',
    columns: [],
    workloads: [
      {
        name: 'tiny',
        setting: 'tiny',
        contenders: ['ceiling', 'ws', 'centrifugo'],
        measure: (turn) => measureDelivery(turn, SETTING),
      },
    ],
  };
  // A program that exits at once in a server's place.
  const broken = {
    ...CONTENDERS.ceiling,
    start: () => CONTENDERS.centrifugo.start({ symbols: [] }),
  };
  const { contenders, workloads, failures } = await runWorkloads({
    groups: [group],
    contenders: { ...CONTENDERS, ceiling: broken },
    keys: ['ceiling', 'ws', 'centrifugo'],
    rounds: 2,
    seconds: 0.2,
    clock: new Clock(),
    signal: new AbortController().signal,
    progress: (line) => lines.push(line),
  });
  expect(contenders.find(({ key }) => key === 'centrifugo')?.skipped).toContain('is not installed');
  expect(failures.map(({ contender, round }) => [contender, round])).toEqual([
    ['ceiling', 1],
    ['ceiling', 2],
  ]);
  expect(workloads[0]?.rounds.ws).toHaveLength(2);
  expect(workloads[0]?.rounds.ceiling).toBeUndefined();
  expect(lines.filter((line) => line.includes('FAILED'))).toHaveLength(2);
});

describe('the program', () => {
  const program = builtProgram('bench/main');

  it('writes what it measured', async () => {
    const folder = folderForTest();
    const out = join(folder, 'out.json');
    const markdown = join(folder, 'out.md');
    const flags = '--workloads fan-out-100x4-of-200-at-1000 --contenders ceiling --rounds 1';
    const argv = [...flags.split(' '), '--seconds', '0.2', '--out', out, '--markdown', markdown];
    const child = spawn(process.execPath, [program, ...argv]);
    expect((await once(child, 'exit'))[0]).toBe(0);
    const results = JSON.parse(await readFile(out, 'utf8')) as Results;
    expect(results.command).toContain(flags);
    expect(results.workloads[0]?.rounds.ceiling?.[0]?.deliveredShare).toBe(1);
    expect(await readFile(markdown, 'utf8')).toMatch(/^<!-- bench:begin -->.*\| 100 sessions × 4/s);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const argv = ['--workloads', 'fan-out-100x4-of-200-at-1000', '--seconds', '60'];
    const child = spawn(process.execPath, [program, ...argv]);
    const pid = child.pid ?? 0;
    await expect.poll(() => descendants(pid).length, { timeout: 30_000 }).toBeGreaterThan(1);
    const left = descendants(pid);
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(130);
    expect(left.filter((one) => existsSync(`/proc/${one}`))).toEqual([]);
  });

  it('refuses bad usage', async () => {
    const child = spawn(process.execPath, [program, '--workloads', 'nonsense']);
    expect((await once(child, 'exit'))[0]).toBe(2);
  });
});
