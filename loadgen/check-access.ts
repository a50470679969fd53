const TIMEOUT_MS = 2000;
const UNAUTHORIZED = 401;

/**
 * Asks a server whether it lets clients with this token in. One that cannot be asked is no fault here: connecting
 * says what is wrong with it.
 *
 * @throws Error when it does not
 */
export async function checkAccess(url: string, token: string | undefined): Promise<void> {
  const address = new URL('/api/prices?limit=1', url.replace(/^ws/, 'http'));
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(address, { headers, signal }).catch(() => undefined);
  if (response?.status !== UNAUTHORIZED) {
    await response?.body?.cancel();
    return;
  }
  const { detail } = (await response.json()) as { readonly detail: string };
  throw new Error(`the server does not let the run in: ${detail} (--token or TICKWIRE_TOKEN)`);
}
