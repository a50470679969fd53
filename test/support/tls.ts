import { readFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
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

const ports = new Set<number>();

/** Has the clients of tests speak TLS to a port for as long as this process runs. */
export function speakTls(port: number): void {
  ports.add(port);
}

/** Whether there is TLS at a port. */
export function isSecure(port: number): boolean {
  return ports.has(port);
}

/** What came of a handshake. */
export interface Handshake {
  /** The organization that the server's certificate names; empty for a resumed session, which has none. */
  readonly organization: string;
  readonly version: string | null;
  /** Whether an earlier session went on. */
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

/**
 * Does a handshake of TLS with a server of this machine, and hangs up.
 *
 * @throws Error when there is no handshake, or the certificate is none of the tests' or not valid now
 */
export function shakeHands(port: number, options: ConnectionOptions = {}): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      { host: '127.0.0.1', port, ca: TRUSTED, rejectUnauthorized: true, ...options },
      () => {
        const organization = String(socket.getPeerCertificate().subject?.O ?? '');
        const isResumed = socket.isSessionReused();
        const session = socket.getSession();
        resolve({ organization, version: socket.getProtocol(), isResumed, session });
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}
