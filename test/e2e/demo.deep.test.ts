import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// Built by the script that runs the tests.
const DEMO = fileURLToPath(new URL('../../dist/loadgen/demo.js', import.meta.url));

function startDemo(...flags: string[]) {
  const child = spawn(process.execPath, [DEMO, '--port=0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return { child, output: () => output };
}

async function isServing(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    () => true,
    () => false,
  );
}

test('the demo shows live numbers, verified in sync, and ends by itself', async () => {
  const { child, output } = startDemo('--seconds=7');
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  expect(output()).toContain('✓ verified in sync');
  expect(output()).not.toContain('OUT OF SYNC');
  expect(output()).toMatch(/SYM-00000 +[\d.,]+ +[\d.,]+/);
});

test('an interrupt stops the demo and its server', async () => {
  const { child, output } = startDemo();
  await expect.poll(output, { timeout: 30_000 }).toContain('/api/statistics');
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(output()) ?? [];
  expect(await isServing(url)).toBe(true);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  expect(await isServing(url)).toBe(false);
});
