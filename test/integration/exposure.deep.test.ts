import { expect, it } from 'vitest';
import { serverProcessForTest, spawnServerForTest } from '../support/running-server.ts';
import { certificateFile } from '../support/tls.ts';

const EVERYWHERE = ['--server.host=0.0.0.0', '--server.port=0'];

it('does not start where anyone could reach it unprotected, and says what to set', async () => {
  const server = spawnServerForTest(EVERYWHERE);
  expect(await server.exited).toBe(1);
  expect(server.output).toMatch(/"level":"fatal".*server\.host: the address 0\.0\.0\.0/);
  expect(server.output).toContain('server.allowPlaintext=yes');
  expect(server.output).toContain('server.allowAnonymous=yes');
  expect(server.output).not.toContain('listening');
});

it('starts there if told to, and warns of each', async () => {
  const server = await serverProcessForTest([
    ...EVERYWHERE,
    '--server.allowPlaintext=yes',
    '--server.allowAnonymous=yes',
  ]);
  const warnings = server.output.split('\n').filter((line) => line.includes('"level":"warn"'));
  expect(warnings.filter((line) => line.includes('server.allow'))).toHaveLength(2);
  expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
});

it('asks for tokens with TLS too', async () => {
  const server = spawnServerForTest([
    ...EVERYWHERE,
    `--tls.certificateFile=${certificateFile('first')}`,
    `--tls.keyFile=${certificateFile('first-key')}`,
  ]);
  expect(await server.exited).toBe(1);
  expect(server.output).toContain('without tokens');
  expect(server.output).not.toContain('allowPlaintext');
});
