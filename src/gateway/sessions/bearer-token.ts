import type { RequestHead } from '../transport/transport.ts';

const BEARER = /^bearer +(\S+) *$/i;

/** The token of `Authorization: Bearer TOKEN`; an empty one where the header says anything else; undefined without it. */
export function bearerToken(request: RequestHead): string | undefined {
  const header = request.header('authorization');
  return header === undefined ? undefined : (BEARER.exec(header)?.[1] ?? '');
}
