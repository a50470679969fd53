import { type Encoding, encodingOf, PUBLISH_PATH, STREAM_PATH } from '../../protocol/index.ts';
import { isPublisherName } from '../ingest/publisher-registry.ts';
import { problemResponse } from '../transport/http-response.ts';
import type {
  RequestHead,
  Socket,
  SocketHandler,
  UpgradeDecision,
} from '../transport/transport.ts';
import { bearerToken } from './client.ts';

/** Header of a refused upgrade: retry after 1 s. */
const RETRY_AFTER = { 'retry-after': '1' };
const BEARER_ENTRY = 'bearer.';
/** Characters of an unknown parameter that are shown. */
const NAME_SHOWN_MAX = 60;

/** Why an upgrade is refused. */
export interface Refusal {
  readonly status: number;
  readonly detail: string;
}

/** Opens sessions once an upgrade is accepted. */
export interface SessionOpener {
  /** Why an address may not open another connection now; undefined if it may. */
  refusal(address: string): Refusal | undefined;
  /**
   * @param token the token in the upgrade, if any
   * @param publisher the publisher's name; undefined: the server chooses one
   */
  publish(
    socket: Socket,
    encoding: Encoding,
    token: string | undefined,
    publisher: string | undefined,
  ): SocketHandler;
  stream(socket: Socket, encoding: Encoding, token: string | undefined): SocketHandler;
}

/** Decides on a WebSocket upgrade: endpoint, encoding, token. */
export function decideUpgrade(request: RequestHead, opener: SessionOpener): UpgradeDecision {
  const { path, query } = request;
  if (path !== PUBLISH_PATH && path !== STREAM_PATH) {
    return refuse(404, `WebSocket endpoints are ${PUBLISH_PATH} and ${STREAM_PATH}`);
  }
  const unknown = [...query.keys()].find((name) => path !== PUBLISH_PATH || name !== 'publisher');
  if (unknown !== undefined) {
    const name = JSON.stringify(unknown.slice(0, NAME_SHOWN_MAX));
    return refuse(400, `Unknown query parameter ${name}: ${PUBLISH_PATH} takes publisher`);
  }
  const offered = subprotocols(request);
  const chosen = chooseSubprotocol(offered);
  if (chosen === undefined) {
    return refuse(400, 'Sec-WebSocket-Protocol: expected tickwire.v1 or tickwire.v1.json');
  }
  const publisher = query.get('publisher') ?? undefined;
  if (path === PUBLISH_PATH && publisher !== undefined && !isPublisherName(publisher)) {
    return refuse(400, 'publisher: expected 1 to 64 characters of A-Z a-z 0-9 . _ -');
  }
  const refusal = opener.refusal(request.remoteAddress);
  if (refusal !== undefined) return refuse(refusal.status, refusal.detail, RETRY_AFTER);
  const { subprotocol, encoding } = chosen;
  const token = bearerToken(request) ?? subprotocolToken(offered);
  return {
    accept: true,
    subprotocol,
    open: (socket) =>
      path === STREAM_PATH
        ? opener.stream(socket, encoding, token)
        : opener.publish(socket, encoding, token, publisher),
  };
}

function refuse(
  status: number,
  detail: string,
  headers?: Readonly<Record<string, string>>,
): UpgradeDecision {
  return { accept: false, response: problemResponse(status, detail, headers) };
}

function subprotocols(request: RequestHead): readonly string[] {
  const offered = request.header('sec-websocket-protocol') ?? '';
  return offered.split(',').map((name) => name.trim());
}

/** The token in a subprotocol `bearer.TOKEN`: browsers cannot set headers of an upgrade. */
function subprotocolToken(offered: readonly string[]): string | undefined {
  return offered.find((name) => name.startsWith(BEARER_ENTRY))?.slice(BEARER_ENTRY.length);
}

/**
 * The first known subprotocol offered. If none was offered, with or without a token, MessagePack
 * without a subprotocol: a client must fail a connection with one that it did not offer. Undefined
 * if only unknown ones were offered.
 */
function chooseSubprotocol(
  names: readonly string[],
): { subprotocol: string; encoding: Encoding } | undefined {
  const choices = names.filter((name) => name !== '' && !name.startsWith(BEARER_ENTRY));
  if (choices.length === 0) return { subprotocol: '', encoding: 'binary' };
  for (const subprotocol of choices) {
    const encoding = encodingOf(subprotocol);
    if (encoding !== undefined) return { subprotocol, encoding };
  }
  return undefined;
}
