import { type AddressInfo, createServer } from 'node:net';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
};

/** The error of a transport that cannot listen, with the address and the reason. */
export function listenError(host: string, port: number, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const reason = REASONS[code];
  const message = reason === undefined ? String((cause as Error)?.message ?? cause) : reason;
  const suffix = reason === undefined ? '' : ` (${code})`;
  return new Error(`Cannot listen on ${authorityOf(host, port)}: ${message}${suffix}`, { cause });
}

/** Host and port as in a URL: IPv6 addresses in brackets. */
export function authorityOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Listens for a moment and returns the host's address and the port; for port 0 a free one.
 *
 * @throws Error with the reason if the address cannot be listened on
 */
export function probeAddress(host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => reject(listenError(host, port, error));
    const server = createServer();
    server.once('error', failed);
    try {
      server.listen({ host, port }, () => {
        const address = server.address() as AddressInfo;
        server.close(() => resolve(address));
      });
    } catch (error) {
      failed(error);
    }
  });
}
