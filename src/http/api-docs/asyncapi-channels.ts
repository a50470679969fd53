import { SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON } from '../../protocol/index.ts';
import { type Endpoint, type EndpointName, listEndpoints } from './asyncapi-endpoints.ts';
import type { MessageName } from './asyncapi-messages.ts';

const BINDING_VERSION = '0.1.0';

const HEADERS = {
  type: 'object',
  properties: {
    'Sec-WebSocket-Protocol': {
      type: 'string',
      default: SUBPROTOCOL_BINARY,
      description:
        `\`${SUBPROTOCOL_BINARY}\`: MessagePack in binary messages. \`${SUBPROTOCOL_JSON}\`: the ` +
        'same arrays as JSON in text messages. An entry `bearer.TOKEN` beside it carries a token.',
    },
  },
};

/** A channel for each endpoint, with the messages of both directions. */
export function channels(): Readonly<Record<string, object>> {
  return Object.fromEntries(listEndpoints().map(([name, endpoint]) => [name, channel(endpoint)]));
}

/** Every operation of both endpoints, from the server's side. */
export function operations(): Readonly<Record<string, object>> {
  const all = listEndpoints().flatMap(([name, { receives, sends }]) => [
    ...Object.entries(receives).map(([message, replies]) =>
      operation(name, 'receive', message as MessageName, replies),
    ),
    ...sends.map((message) => operation(name, 'send', message)),
  ]);
  return Object.fromEntries(all);
}

function channel({ path, title, description, query, receives, sends }: Endpoint): object {
  const messages = [...Object.entries(receives).flat(2), ...sends] as MessageName[];
  const upgrade = query === undefined ? { headers: HEADERS } : { query, headers: HEADERS };
  return {
    address: path,
    title,
    description,
    messages: Object.fromEntries(
      messages.map((message) => [message, { $ref: `#/components/messages/${message}` }]),
    ),
    bindings: {
      ws: { method: 'GET', ...upgrade, bindingVersion: BINDING_VERSION },
    },
  };
}

function operation(
  endpoint: EndpointName,
  action: 'receive' | 'send',
  message: MessageName,
  replies: readonly MessageName[] = [],
): [id: string, operation: object] {
  const channelRef = { $ref: `#/channels/${endpoint}` };
  const refs = (names: readonly MessageName[]) =>
    names.map((name) => ({ $ref: `${channelRef.$ref}/messages/${name}` }));
  const reply =
    replies.length === 0 ? {} : { reply: { channel: channelRef, messages: refs(replies) } };
  const id = `${endpoint}.${message}`;
  const messages = refs([message]);
  return [id, { action, channel: channelRef, messages, ...reply }];
}
