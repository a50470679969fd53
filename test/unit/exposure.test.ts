import { describe, expect, it } from 'vitest';
import { checkExposure } from '../../src/config/exposure.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';

const TLS = { certificateFile: 'a.pem', keyFile: 'b.pem' };

function check(server: ConfigInput['server'], hasTokens: boolean, tls = {}): readonly string[] {
  return checkExposure(parseConfig({ server, tls }), hasTokens);
}

describe('checkExposure', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost', 'LocalHost'])(
    'lets %s be as it is',
    (host) => {
      expect(check({ host }, false)).toEqual([]);
    },
  );

  it.each(['0.0.0.0', '::', '192.168.0.1', '127.example.com', '::ffff:10.0.0.1', 'gate.local'])(
    'refuses %s without TLS and tokens, naming all that may be set',
    (host) => {
      expect(() => check({ host }, false)).toThrow(
        new RegExp(
          `^server\\.host: the address ${host} .*without TLS.*tls\\.certificateFile` +
            '.*tls\\.keyFile.*server\\.allowPlaintext=yes' +
            '.*without tokens.*auth\\.jwtSecret.*auth\\.keysFile' +
            '.*auth\\.jwksUrl.*auth\\.apiKeysFile.*server\\.allowAnonymous=yes.*127\\.0\\.0\\.1',
        ),
      );
    },
  );

  it('names only what is missing', () => {
    const host = '0.0.0.0';
    expect(() => check({ host }, true)).toThrow(/^(?=.*without TLS)(?!.*allowAnonymous)/);
    expect(() => check({ host }, false, TLS)).toThrow(/^(?=.*without tokens)(?!.*allowPlaintext)/);
    expect(check({ host }, true, TLS)).toEqual([]);
  });

  it('requires an explicit acknowledgement, and says so', () => {
    const host = '0.0.0.0';
    const plain = { host, allowPlaintext: 'yes' } as const;
    const anonymous = { host, allowAnonymous: 'yes' } as const;
    expect(() => check(plain, false)).toThrow(/allowAnonymous/);
    expect(() => check(anonymous, false)).toThrow(/allowPlaintext/);
    expect(check(plain, true)).toEqual([expect.stringContaining('server.allowPlaintext')]);
    expect(check(anonymous, false, TLS)).toEqual([
      expect.stringContaining('server.allowAnonymous'),
    ]);
    expect(check({ ...plain, ...anonymous }, false)).toHaveLength(2);
    // Unneeded settings are not mentioned.
    expect(check({ ...plain, ...anonymous }, true, TLS)).toEqual([]);
  });
});
