import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { folderForTest } from '../support/folders.ts';

const DIST = new URL('../../dist/', import.meta.url);
const MAIN = new URL('simulation/main.js', DIST).pathname;
const TIMEOUT_MS = 120_000;

/** In a child process: a run replaces its process's clocks. */
async function simulate(seed: number, steps: number): Promise<string> {
  const args = [MAIN, '--seed', String(seed), '--steps', String(steps)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout;
}

/** Output of a run that must fail, on a server with a bug: `plant` runs first. */
async function simulateFailure(plant: string, seed: number, steps: number): Promise<string> {
  const folder = folderForTest();
  const file = join(folder, 'plant.mjs');
  await writeFile(file, plant);
  const args = ['--import', file, MAIN, '--seed', String(seed), '--steps', String(steps)];
  const failed = promisify(execFile)(process.execPath, args);
  const error = await failed.then(
    () => undefined,
    (reason: unknown) => reason as { code: number; stderr: string },
  );
  expect(error?.code).toBe(1);
  return error?.stderr ?? '';
}

describe('the simulation', () => {
  it(
    'finds nothing wrong, seeds 1 to 10',
    async () => {
      // One process: the compiler is warm from the second run on.
      const args = [MAIN, '--seed', '1', '--runs', '10', '--steps', '40000'];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      expect(stdout.match(/everything agreed/g)).toHaveLength(10);
      expect(stdout).toContain('10 runs, 0 failed');
    },
    TIMEOUT_MS,
  );

  it(
    'is the same run for the same seed, and another for another',
    async () => {
      const traceOf = (text: string) => /trace (\w+)/.exec(text)?.[1];
      const [first, again, other] = await Promise.all([
        simulate(11, 8000),
        simulate(11, 8000),
        simulate(12, 8000),
      ]);
      expect(traceOf(first)).toBeDefined();
      expect(traceOf(again)).toBe(traceOf(first));
      expect(traceOf(other)).not.toBe(traceOf(first));
    },
    TIMEOUT_MS,
  );

  it(
    'finds a planted bug, says how to see it again, and sees it again',
    async () => {
      const sender = new URL('src/gateway/fanout/session-sender.js', DIST).href;
      const plant =
        `import { SessionSender } from '${sender}'; ` +
        'SessionSender.prototype.markStats = () => {};';
      const said = await simulateFailure(plant, 3, 40_000);
      expect(said).toMatch(/seed 3 FAILED at step \d+: \w+/);
      expect(said).toContain('again: npm run simulate -- --seed 3 --steps 40000 --verbose');
      expect(await simulateFailure(plant, 3, 40_000)).toBe(said);
    },
    TIMEOUT_MS,
  );

  const HOLDER = new URL('src/engine/memory/partition-holder.js', DIST).href;
  const bugs = {
    'a partition that the gateway does not give back': [
      'GatewayHold',
      'GatewayHold.prototype.leave = () => {};',
      1,
      /no wake-up is lost|comes to rest/,
    ],
    'gateway and worker in one partition': [
      'WorkerHold',
      'WorkerHold.prototype.acquire = () => {};',
      14,
      // Which oracle sees it first depends on where the two meet.
      /FAILED at step/,
    ],
    'a worker that is not woken': [
      'GatewayHold',
      'GatewayHold.prototype.wake = () => {};',
      1,
      /no wake-up is lost/,
    ],
    'work that is handed over without a wake-up': [
      'GatewayHold',
      'const { leave } = GatewayHold.prototype; ' +
        'GatewayHold.prototype.leave = function () { leave.call(this, true); };',
      1,
      /no wake-up is lost/,
    ],
  } as const;

  it.each(Object.entries(bugs))(
    'finds %s',
    async (_, [name, plant, seed, oracle]) => {
      const said = await simulateFailure(
        `import { ${name} } from '${HOLDER}'; ${plant}`,
        seed,
        40_000,
      );
      expect(said).toMatch(oracle);
    },
    TIMEOUT_MS,
  );
});
