import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readTlsPair, type TlsPair } from '../../src/gateway/transport/certificate.ts';

type Name = 'first' | 'second' | 'expired';

/** A file of test/support/certificates. */
export function certificateFile(name: string): string {
  return fileURLToPath(new URL(`certificates/${name}.pem`, import.meta.url));
}

/** A certificate and its key. */
export function testPair(name: Name): TlsPair {
  const files = { certificateFile: certificateFile(name), keyFile: certificateFile(`${name}-key`) };
  return readTlsPair(files);
}

/** The certificates by which clients of tests know the servers of tests. */
export const TRUSTED = (['first', 'second', 'expired'] as const).map((name) =>
  readFileSync(certificateFile(name), 'utf8'),
);
