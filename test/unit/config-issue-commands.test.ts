import { afterAll, describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { ConfigFolder } from '../support/folders.ts';

const folder = new ConfigFolder();
afterAll(() => folder[Symbol.dispose]());
folder.write('tickwire.config.json', {
  auth: { jwtSecret: 'a secret of the file, of 32 letters' },
});

const read = (argv: string[], env: Record<string, string> = {}) =>
  readCommandLine(argv, env, folder.path);

function fault(argv: string[]): string {
  const command = read(argv);
  if (command.kind !== 'fail') throw new Error(`${command.kind} instead of fail`);
  return command.message;
}

describe('tickwire token', () => {
  it('takes a name that begins with a dash', () => {
    expect(read(['token', '--subject', '-feed'])).toMatchObject({ request: { name: '-feed' } });
  });

  it('reads who it is for, what it allows, and the configuration', () => {
    const command = read([
      'token',
      '--subject=feed-a',
      '--tenant',
      'acme',
      '--publish=BTC-*,ETH=1',
      '--read',
      '*',
      '--operator',
      '--expires',
      '30d',
      '--connectionsMax=2',
      '--ticksPerSecond',
      '1000',
      '--requestsPerSecond=7',
      '--auth.issuer=me',
      '--auth.audience',
      'you',
    ]);
    expect(command).toMatchObject({
      kind: 'token',
      config: {
        auth: { jwtSecret: 'a secret of the file, of 32 letters', issuer: 'me', audience: 'you' },
      },
    });
    expect(command).toHaveProperty('request', {
      name: 'feed-a',
      permissions: {
        tenant: 'acme',
        publish: ['BTC-*', 'ETH=1'],
        read: ['*'],
        operator: true,
        connectionsMax: 2,
        ticksPerSecond: 1000,
        requestsPerSecond: 7,
      },
      lifetimeMs: 30 * 86_400_000,
    });
  });

  it.each([
    [[], 3_600_000],
    [['--expires', '90s'], 90_000],
    [['--expires=15m'], 900_000],
    [['--expires=2h', '--expires=1h'], 3_600_000],
  ])('lives as long as %j say', (flags, lifetimeMs) => {
    expect(read(['token', '--subject', 'a', ...flags])).toMatchObject({ request: { lifetimeMs } });
  });

  it('takes the secret from the environment too', () => {
    const env = { TICKWIRE_AUTH_JWT_SECRET: 'a secret of the environment, long enough' };
    expect(read(['token', '--subject', 'a'], env)).toMatchObject({
      config: { auth: { jwtSecret: env.TICKWIRE_AUTH_JWT_SECRET } },
    });
  });

  it.each([
    [['token'], '--subject: expected a name, got nothing'],
    [['token', '--subject'], '--subject: expected a name, got nothing'],
    [['token', '--subject='], '--subject: expected a name, got ""'],
    [['token', '--subject', '--operator'], '--subject: expected a name, got nothing'],
    [['token', '--id', 'a'], '--id: unknown flag'],
    [['token', '--subjct', 'a'], '--subjct: unknown flag (did you mean --subject?)'],
    [['token', '--subject', 'a', '--operator=yes'], '--operator: takes no value, got "yes"'],
    [['token', '--subject', 'a', '--read'], '--read: expected symbols and patterns, separated by'],
    [
      ['token', '--subject', 'a', '--expires', 'soon'],
      '--expires: expected a time such as 90s, 15m',
    ],
    [['token', '--subject', 'a', '--expires', '0s'], '--expires: expected a time such as 90s, 15m'],
    [['token', '--subject', 'a', '--expires', '9999d'], '--expires: expected a time such as 90s'],
    [
      ['token', '--subject', 'a', '--connectionsMax', '-1'],
      '--connectionsMax: expected an integer',
    ],
    [
      ['token', '--subject', 'a', '--ticksPerSecond=1e3'],
      '--ticksPerSecond: expected an integer, got',
    ],
    [['api-key'], '--id: expected a name, got nothing'],
    [['api-key', '--subject', 'a'], '--subject: unknown flag'],
  ])('fails for %j', (argv, message) => {
    expect(fault(argv)).toContain(message);
    expect(fault(argv)).toMatch(new RegExp(`^tickwire ${argv[0]}:\n`));
    expect(fault(argv).split('\n')).toHaveLength(2);
  });

  it.each([
    [['token', '--subject', 'a', 'b'], 'unexpected argument "b"'],
    [['token', '--subject', 'a', '--server.prt=1'], '--server.prt: unknown flag'],
    [
      ['token', '--subject', 'a', '--auth.jwtSecret=short'],
      '--auth.jwtSecret: expected at least 32',
    ],
    [['token', '--subject', 'a', '--config', 'none.json'], 'cannot read none.json'],
  ])('fails for the configuration in %j', (argv, message) => {
    expect(fault(argv)).toContain(message);
    expect(fault(argv)).not.toContain('short');
  });

  it('has its help', () => {
    const command = read(['token', '--help']);
    expect(command).toMatchObject({
      kind: 'print',
      text: expect.stringContaining('--subject NAME'),
    });
  });
});

it('tickwire api-key lives for ever if nothing else is said', () => {
  expect(read(['api-key', '--id', 'a'])).toMatchObject({
    kind: 'api-key',
    request: { name: 'a', permissions: {}, lifetimeMs: undefined },
  });
});
