import { expect, test } from 'vitest';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';

// Built by the test script.
const DEMO = builtProgram('loadgen/demo');

function startDemo(...flags: string[]): ManagedProcess {
  return new ManagedProcess(process.execPath, [DEMO, '--port=0', ...flags]);
}

async function isServing(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    () => true,
    () => false,
  );
}

test('the demo shows live numbers, verified in sync, and ends by itself', async () => {
  const demo = startDemo('--seconds=7');
  expect(await demo.exited).toBe(0);
  expect(demo.output).toContain('✓ verified in sync');
  expect(demo.output).not.toContain('OUT OF SYNC');
  expect(demo.output).toMatch(/SYM-00000 +[\d.,]+ +[\d.,]+/);
});

test('an interrupt stops the demo and its server', async () => {
  const demo = startDemo();
  await expect.poll(() => demo.output, { timeout: 30_000 }).toContain('/api/statistics');
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.output) ?? [];
  expect(await isServing(url)).toBe(true);
  demo.kill('SIGINT');
  expect(await demo.exited).toBe(0);
  expect(await isServing(url)).toBe(false);
});
