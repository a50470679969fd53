import { readFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { readTlsPair, type TlsPair } from '../../src/gateway/transport/certificate.ts';

type Name = 'first' | 'second' | 'expired';

export function certificateFile(name: string): string {
  return fileURLToPath(new URL(`certificates/${name}.pem`, import.meta.url));
}

export function testPair(name: Name): TlsPair {
  const files = { certificateFile: certificateFile(name), keyFile: certificateFile(`${name}-key`) };
  return readTlsPair(files);
}

/** Certificates that test clients trust. */
export const TRUSTED = (['first', 'second', 'expired'] as const).map((name) =>
  readFileSync(certificateFile(name), 'utf8'),
);

const ports = new Set<number>();

/** Makes test clients speak TLS to a port. */
export function speakTls(port: number): void {
  ports.add(port);
}

/** Ends that for all ports: a server of another file of this process may get one of them. */
export function forgetTlsPorts(): void {
  ports.clear();
}

export function isSecure(port: number): boolean {
  return ports.has(port);
}

export interface Handshake {
  /** Organization in the server's certificate; empty for a resumed session. */
  readonly organization: string;
  readonly version: string | null;
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

/**
 * Makes a TLS handshake with a local server and disconnects.
 *
 * @throws Error when it fails, or the certificate is not a valid test certificate
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
