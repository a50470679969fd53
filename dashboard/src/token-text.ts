/** What both a header and a WebSocket's subprotocol can carry. */
const TOKEN = /^[A-Za-z0-9._~+-]+$/;

/**
 * The token in what somebody typed or pasted, also with line breaks in it or as the value of the header; undefined where
 * that cannot be a token.
 */
export function tokenOf(text: string): string | undefined {
  const token = text
    .trim()
    .replace(/^(authorization: *)?bearer( +|$)/i, '')
    .replace(/[\r\n]+ */g, '');
  return TOKEN.test(token) ? token : undefined;
}
