import { lookup } from 'node:dns/promises';
import { type AddressInfo, createServer, isIP } from 'node:net';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine has no such address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
};

/** Errors of an address that this machine does not have, such as ::1 without IPv6. */
const ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** The error of a transport that cannot listen, with the address and the reason. */
function listenError(host: string, port: number, cause: unknown): Error {
  const code = codeOf(cause);
  const reason = REASONS[code];
  const message = reason === undefined ? String((cause as Error)?.message ?? cause) : reason;
  const suffix = reason === undefined ? '' : ` (${code})`;
  return new Error(`Cannot listen on ${authorityOf(host, port)}: ${message}${suffix}`, { cause });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** Host and port as in a URL: IPv6 addresses in brackets. */
export function authorityOf(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Something that listens on one address. */
export interface Listener {
  readonly port: number;
  /** Accepts no new connections. */
  stop(): void;
}

/** Attempts to find a port that is free on all addresses. */
const PORT_TRIES = 3;

/**
 * Listens on every address that a host name means, on one port: `localhost` often means 127.0.0.1
 * and ::1, and clients take either. Addresses that this machine lacks are left out.
 *
 * @param port 0: any port that is free on all of them
 * @param listen listens on an address
 * @throws Error with the address and the reason if that fails; none is listened on then
 */
export async function listenOnAll<L extends Listener>(
  { host, port }: { readonly host: string; readonly port: number },
  listen: (address: string, port: number) => Promise<L>,
  resolve: (host: string) => Promise<readonly string[]> = addressesOf,
): Promise<L[]> {
  const addresses = await resolve(host).catch((error: unknown) => {
    throw listenError(host, port, error);
  });
  for (let tries = 1; ; tries++) {
    const listeners: L[] = [];
    let absent: unknown;
    let failed: { readonly address: string; readonly error: unknown } | undefined;
    for (const address of addresses) {
      try {
        listeners.push(await listen(address, listeners[0]?.port ?? port));
      } catch (error) {
        if (ABSENT.has(codeOf(error))) absent = error;
        else failed ??= { address, error };
      }
    }
    if (failed === undefined && listeners.length > 0) return listeners;
    for (const listener of listeners) listener.stop();
    const isTaken = port === 0 && codeOf(failed?.error) === 'EADDRINUSE' && tries < PORT_TRIES;
    if (isTaken) continue;
    const place = failed !== undefined && addresses.length > 1 ? failed.address : host;
    throw listenError(place, port, failed?.error ?? absent);
  }
}

/**
 * Listens for a moment on every address that a host name means.
 *
 * @throws Error as {@link listenOnAll}
 */
export async function probeAddresses(place: {
  readonly host: string;
  readonly port: number;
}): Promise<{ readonly addresses: readonly string[]; readonly port: number }> {
  const probes = await listenOnAll(place, async (address, port) => {
    return { address, port: await probePort(address, port), stop: () => undefined };
  });
  return { addresses: probes.map(({ address }) => address), port: probes[0]?.port ?? 0 };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * Listens for a moment and returns the port; for port 0 a free one.
 *
 * @throws the error of node:net, with its code, if the address cannot be listened on
 */
export function probePort(address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    // Throws, and so rejects, for a port out of range.
    server.listen({ host: address, port }, () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => resolve(free));
    });
  });
}
