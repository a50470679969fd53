import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  isSamePair,
  readTlsPair,
  validateDates,
  withOpenSslFiles,
} from '../../src/gateway/transport/certificate.ts';
import { folderForTest } from '../support/folders.ts';
import { certificateFile, testPair } from '../support/tls.ts';

const FIRST = certificateFile('first');
const FIRST_KEY = certificateFile('first-key');

function fileWith(text: string): string {
  const folder = folderForTest();
  const file = join(folder, 'some.pem');
  writeFileSync(file, text);
  return file;
}

const read = (certificate: string, key: string) =>
  readTlsPair({ certificateFile: certificate, keyFile: key });

describe('readTlsPair', () => {
  it('reads a certificate and its key', () => {
    const pair = read(FIRST, FIRST_KEY);
    expect(pair.certificate).toBe(readFileSync(FIRST, 'utf8'));
    expect(pair.key).toBe(readFileSync(FIRST_KEY, 'utf8'));
    expect(new Date(pair.validFrom).toISOString()).toBe('2020-01-01T00:00:00.000Z');
    expect(new Date(pair.validTo).toISOString()).toBe('2120-01-01T00:00:00.000Z');
  });

  it('ignores byte order marks, and gives OpenSSL files without them', () => {
    const mark = '\uFEFF';
    const [certificate, key] = [FIRST, FIRST_KEY].map((file) => readFileSync(file, 'utf8'));
    const marked = read(fileWith(mark + certificate), fileWith(mark + key));
    expect(marked).toMatchObject({ certificate, key });
    const seen = withOpenSslFiles(marked, ({ certificateFile, keyFile }) => ({
      files: [certificateFile, keyFile],
      contents: [certificateFile, keyFile].map((file) => readFileSync(file, 'utf8')),
    }));
    expect(seen.contents).toEqual([certificate, key]);
    expect(seen.files.some((file) => existsSync(file))).toBe(false);
    const plain = read(FIRST, FIRST_KEY);
    expect(withOpenSslFiles(plain, (files) => files)).toBe(plain);
  });

  it('takes the first certificate of a chain for its own', () => {
    const chain = [FIRST, certificateFile('second')].map((file) => readFileSync(file, 'utf8'));
    expect(read(fileWith(chain.join('')), FIRST_KEY).validTo).toBeGreaterThan(Date.now());
    const reversed = fileWith(chain.reverse().join(''));
    expect(() => read(reversed, FIRST_KEY)).toThrow(/^tls\.keyFile: .* does not match the first/);
  });

  it.each([
    ['no key', FIRST, '', 'tls.certificateFile needs tls.keyFile'],
    ['no certificate', '', FIRST_KEY, 'tls.keyFile needs tls.certificateFile'],
    [
      'a missing certificate',
      '/no/such',
      FIRST_KEY,
      /^tls\.certificateFile: cannot read \/no\/such: ENOENT/,
    ],
    ['a missing key', FIRST, '/no/such', /^tls\.keyFile: cannot read \/no\/such: ENOENT/],
    ['a folder', '/', FIRST_KEY, /^tls\.certificateFile: cannot read \/: EISDIR/],
    [
      'a key for a certificate',
      FIRST_KEY,
      FIRST_KEY,
      /^tls\.certificateFile: .* has no certificate/,
    ],
    ['a certificate for a key', FIRST, FIRST, /^tls\.keyFile: .* has no private key/],
    [
      'the key of another',
      FIRST,
      certificateFile('second-key'),
      /^tls\.keyFile: the key in .*second-key\.pem does not match/,
    ],
    ['an encrypted key', FIRST, certificateFile('encrypted-key'), /^tls\.keyFile: .* is encrypted/],
  ])('refuses %s', (_, certificate, key, message) => {
    expect(() => read(certificate, key)).toThrow(message);
  });

  it.each([
    ['text', 'hello', /^tls\.certificateFile: .*some\.pem is not PEM$/],
    [
      'a broken certificate',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /^tls\.certificateFile: .* has no certificate/,
    ],
  ])('refuses %s for a certificate', (_, text, message) => {
    expect(() => read(fileWith(text), FIRST_KEY)).toThrow(message);
  });

  it('reveals nothing of a key that it cannot read', () => {
    const secret = 'c2VjcmV0IG1hdGVyaWFs';
    const text = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;
    const key = fileWith(text);
    let message = '';
    try {
      read(FIRST, key);
    } catch (error) {
      message = String((error as Error).stack) + String((error as Error).cause);
    }
    expect(message).toContain('has no private key that can be read');
    expect(message).not.toContain(secret);
  });
});

describe('validateDates', () => {
  it('reports a certificate that is not valid now', () => {
    expect(validateDates(testPair('first'), Date.now())).toBeUndefined();
    expect(validateDates(testPair('expired'), Date.now())).toBe(
      'the certificate expired on 2020-02-01T00:00:00.000Z',
    );
    expect(validateDates(testPair('first'), 0)).toBe(
      'the certificate is not valid before 2020-01-01T00:00:00.000Z',
    );
  });
});

describe('isSamePair', () => {
  it('goes by what was read', () => {
    const first = testPair('first');
    expect(isSamePair(first, { ...testPair('first'), certificateFile: 'elsewhere' })).toBe(true);
    expect(isSamePair(first, testPair('second'))).toBe(false);
  });
});
