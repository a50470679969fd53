import { describe, expect, it } from 'vitest';
import { Origins } from '../../src/gateway/sessions/origins.ts';
import { HeaderMap, ReceivedHead } from '../../src/gateway/transport/received-request.ts';

function kind(origins: Origins, origin: string | undefined, host: string | undefined): string {
  const headers = new HeaderMap();
  if (origin !== undefined) headers.add('origin', origin);
  if (host !== undefined) headers.add('host', host);
  const parts = { method: 'GET', path: '/', queryText: '', headers, remoteAddress: '' };
  return origins.kindOf(new ReceivedHead(parts));
}

describe('Origins', () => {
  const none = new Origins('', false);

  it('has nothing to say where no origin is named', () => {
    expect(kind(none, undefined, 'a:9001')).toBe('none');
  });

  it.each([
    ['http://a:9001', 'a:9001', 'same'],
    ['http://A:9001', 'a:9001', 'same'],
    ['http://a:9001', 'A:9001', 'same'],
    ['http://a:9001', 'a:9002', 'foreign'],
    ['http://a:9001', 'b:9001', 'foreign'],
    ['http://a', 'a', 'same'],
    ['http://a', 'a:80', 'same'],
    ['http://a:80', 'a', 'same'],
    ['http://a', 'a:443', 'foreign'],
    ['https://a', 'a', 'same'],
    ['https://a', 'a:443', 'same'],
    ['https://a', 'a:80', 'foreign'],
    ['http://[::1]:9001', '[::1]:9001', 'same'],
    ['http://a.evil', 'a', 'foreign'],
    ['http://a:9001.evil', 'a:9001', 'foreign'],
    ['null', 'a:9001', 'foreign'],
    ['', 'a:9001', 'foreign'],
    ['http://', '', 'foreign'],
    ['file://', '', 'foreign'],
    ['ftp://a:9001', 'a:9001', 'foreign'],
    ['chrome-extension://a:9001', 'a:9001', 'foreign'],
    ['http://a:9001, http://a:9001', 'a:9001', 'foreign'],
    ['http://a:9001', undefined, 'foreign'],
    ['http://user@a:9001', 'evil@a:9001', 'foreign'],
  ])('%s at the host %s is %s', (origin, host, expected) => {
    expect(kind(none, origin, host)).toBe(expected);
  });

  it('knows over TLS that its own pages came so', () => {
    const secure = new Origins('', true);
    expect(kind(secure, 'https://a:9001', 'a:9001')).toBe('same');
    expect(kind(secure, 'http://a:9001', 'a:9001')).toBe('foreign');
  });

  it('allows those on the list, exactly', () => {
    const listed = new Origins('https://app.example.com,http://Other.example:8080', false);
    expect(listed.isListed).toBe(true);
    for (const [origin, expected] of [
      ['https://app.example.com', 'allowed'],
      ['http://other.example:8080', 'allowed'],
      ['http://app.example.com', 'foreign'],
      ['https://app.example.com:444', 'foreign'],
      ['https://app.example.com.evil', 'foreign'],
      ['https://evil.app.example.com', 'foreign'],
      ['null', 'foreign'],
    ] as const) {
      expect([origin, kind(listed, origin, 'a:9001')]).toEqual([origin, expected]);
    }
  });

  it('knows a listed origin by its default port', () => {
    const listed = new Origins('https://app.example.com:443', false);
    expect(kind(listed, 'https://app.example.com', 'a')).toBe('allowed');
  });

  it('allows any with a star', () => {
    const any = new Origins('*', false);
    expect(any.isListed).toBe(true);
    expect(kind(any, 'https://any.example', 'a')).toBe('allowed');
    expect(kind(any, 'http://a', 'a')).toBe('same');
  });
});
