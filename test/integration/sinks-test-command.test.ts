import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { testSinks } from '../../src/sinks/test-command.ts';
import { AlertReceiver, status } from '../support/alert-receiver.ts';
import { ConfigFolder } from '../support/folders.ts';

const SECRET = '0123456789abcdef';

async function run(content: unknown, env: Readonly<Record<string, string>> = {}) {
  using folder = new ConfigFolder();
  folder.write('rules.json', content);
  const output = { stdout: '', stderr: '' };
  const collect = (name: keyof typeof output) =>
    new Writable({
      write: (chunk, _encoding, done) => {
        output[name] += String(chunk);
        done();
      },
    });
  const given = { stdout: collect('stdout'), stderr: collect('stderr') };
  const code = await testSinks(join(folder.path, 'rules.json'), env, given);
  const { stderr } = output;
  return { code, lines: output.stdout.split('\n').slice(0, -1), stderr };
}

it('sends an alert through each sink, and prints what came back', async () => {
  const receivers = [
    await AlertReceiver.start(),
    await AlertReceiver.start(),
    await AlertReceiver.start(),
  ] as const;
  const [json, slack, manager] = receivers;
  slack.answer = status(404, {}, 'no_service');
  const { code, lines, stderr } = await run(
    {
      rules: [{ name: 'flash' }],
      sinks: [
        { name: 'a', kind: 'webhook', url: json.url, secretEnv: 'SECRET', phases: ['end'] },
        { name: 'b', kind: 'webhook', format: 'slack', urlEnv: 'SLACK' },
        { name: 'c', kind: 'webhook', format: 'alertmanager', url: manager.url },
      ],
    },
    { SECRET, SLACK: slack.url },
  );
  const shown = lines.map((line) => line.replace(/\d+ ms/, 'N ms').replace(/:\d{4,5}\)/, ')'));
  expect(stderr).toBe('');
  expect(shown.sort()).toEqual([
    'a (json, signed, http://127.0.0.1): delivered, status 200 after N ms',
    'b (slack, http://127.0.0.1): NOT DELIVERED, status 404 after N ms: "no_service"',
    'c (alertmanager, http://127.0.0.1): delivered, status 200 after N ms',
  ]);
  expect(code).toBe(1);
  expect(json.bodies[0]).toMatchObject({ id: 'TEST/1', test: true, symbol: 'TEST', rule: 'flash' });
  expect(json.requests[0]?.headers['x-tickwire-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
  expect(slack.bodies[0]?.text).toBe('Test: TEST up 5 % to 105 (from 100), warning');
  const [posted] = manager.bodies[0] as unknown as { endsAt: string }[];
  expect(Date.parse(posted?.endsAt ?? '')).toBeGreaterThan(Date.now());
});

it('says what is wrong with the file, and sends nothing', async () => {
  const receiver = await AlertReceiver.start();
  const { code, stderr } = await run({
    rules: [],
    sinks: [
      { name: 'a', kind: 'webhook', url: receiver.url, secretEnv: 'SECRET' },
      { name: 'b', kind: 'webhook', url: 'http://hooks.example/' },
    ],
  });
  const faults = stderr.replaceAll(/ \/.*rules\.json/g, ' rules.json').split('\n');
  expect(faults.slice(0, 3)).toEqual([
    'tickwire sinks test:',
    '  rules.json: sinks[1].url: expected an https URL without user and password; ' +
      'http for 127.0.0.1, [::1] and localhost only, got something else',
    '  rules.json: sinks[0].secretEnv: expected at least 16 characters in SECRET, ' +
      'got no such variable',
  ]);
  expect([code, receiver.requests.length]).toEqual([2, 0]);
});

it.each([
  ['no sinks', { rules: [] }, /expected sinks, got none/],
  ['no JSON', '{', /rules\.json: .*JSON/],
  ['null', 'null', /expected sinks, got none/],
])('refuses a file of %s', async (_what, content, message) => {
  const { code, stderr } = await run(content);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});
