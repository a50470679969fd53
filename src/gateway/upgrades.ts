import {
  type Encoding,
  encodingOf,
  PUBLISH_PATH,
  STREAM_PATH,
  SUBPROTOCOL_BINARY,
} from '../protocol/index.ts';
import { isPublisherName } from './publisher-registry.ts';
import { problemResponse } from './transport/problem-response.ts';
import type { RequestHead, Socket, SocketHandler, UpgradeDecision } from './transport/transport.ts';

/** What opens sessions once an upgrade is accepted. */
export interface SessionOpener {
  /** @param publisher the name given, or undefined: the server gives one */
  publish(socket: Socket, encoding: Encoding, publisher: string | undefined): SocketHandler;
  stream(socket: Socket, encoding: Encoding): SocketHandler;
}

/** Decides on WebSocket upgrades: which endpoint, which encoding, who. */
export function decideUpgrade(request: RequestHead, open: SessionOpener): UpgradeDecision {
  const { path, query } = request;
  if (path !== PUBLISH_PATH && path !== STREAM_PATH) {
    const detail = `WebSocket endpoints are ${PUBLISH_PATH} and ${STREAM_PATH}`;
    return { accept: false, response: problemResponse(404, detail) };
  }
  const chosen = chooseSubprotocol(request.header('sec-websocket-protocol'));
  if (chosen === undefined) {
    const detail = 'Sec-WebSocket-Protocol: expected tickwire.v1 or tickwire.v1.json';
    return { accept: false, response: problemResponse(400, detail) };
  }
  const { subprotocol, encoding } = chosen;
  if (path === STREAM_PATH) {
    return { accept: true, subprotocol, open: (socket) => open.stream(socket, encoding) };
  }
  const publisher = query.get('publisher') ?? undefined;
  if (publisher !== undefined && !isPublisherName(publisher)) {
    const detail = 'publisher: expected 1 to 64 characters of A-Z a-z 0-9 . _ -';
    return { accept: false, response: problemResponse(400, detail) };
  }
  return { accept: true, subprotocol, open: (socket) => open.publish(socket, encoding, publisher) };
}

/** The first subprotocol offered that is ours; undefined when others were offered but none of ours. */
function chooseSubprotocol(
  offered: string | undefined,
): { subprotocol: string; encoding: Encoding } | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  // An entry `bearer.TOKEN` carries a token and chooses nothing.
  const choices = names.filter((name) => name !== '' && !name.startsWith('bearer.'));
  if (choices.length === 0) {
    const hasOffer = names.some((name) => name !== '');
    return { subprotocol: hasOffer ? SUBPROTOCOL_BINARY : '', encoding: 'binary' };
  }
  for (const subprotocol of choices) {
    const encoding = encodingOf(subprotocol);
    if (encoding !== undefined) return { subprotocol, encoding };
  }
  return undefined;
}
