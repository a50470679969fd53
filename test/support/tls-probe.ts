import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { TRUSTED } from './certificates.ts';

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
