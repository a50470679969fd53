/**
 * The address of an endpoint at a server: `ws:`, `wss:`, `http:` and `https:` addresses are taken,
 * with a path in front where a proxy has one.
 *
 * @throws TypeError for what is no such address
 */
export function endpointUrl(server: string | URL, path: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  const url = new URL(server, location?.href);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(url.protocol)) throw new TypeError(`not the address of a server: ${server}`);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  url.search = '';
  url.hash = '';
  return url;
}
