import { CloseCode, SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON } from '../../protocol/index.ts';
import { closeTable, errorTable, listClosings, listErrors } from './asyncapi-code-tables.ts';
import { anyToken, channels, operations, SECURITY_SCHEMES } from './asyncapi-endpoints.ts';
import { componentMessages } from './asyncapi-messages.ts';

const DESCRIPTION = `Ticks in, live statistics and price anomalies out.

Every WebSocket message is one frame: an array that starts with its op. The subprotocol chooses the
encoding: \`${SUBPROTOCOL_BINARY}\`, the default, is MessagePack in binary messages;
\`${SUBPROTOCOL_JSON}\` is the same arrays as JSON in text messages. Ignore what you do not know: an
op, an element beyond those listed here, a key. Times are milliseconds since the Unix epoch, UTC.

Operations are described from the server's side: it receives the frames that clients send.

## Errors

${errorTable()}

## Close codes

The number alone decides what a client does: 4000 to 4499 mean come back, 4500 to 4999 mean that
something must change first. The one exception is ${CloseCode.TAKEN_OVER}. Codes that are not listed
mean come back.

${closeTable()}`;

/** The default address of a server. */
const ADDRESS_DEFAULT = '127.0.0.1:9001';

/** The AsyncAPI 3.0 document of the WebSocket API. */
export function asyncApiDocument(version: string): object {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tickwire',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/vnd.msgpack',
    servers: {
      self: {
        host: '{address}',
        protocol: 'ws',
        description: 'The server that this document comes from.',
        variables: {
          address: { default: ADDRESS_DEFAULT, description: 'Its host and port.' },
        },
        security: anyToken(),
      },
    },
    channels: channels(),
    operations: operations(),
    components: {
      messages: componentMessages(),
      correlationIds: {
        requestId: {
          description: 'The id that the client chose; null in an `ERROR` that answers nothing.',
          location: '$message.payload#/1',
        },
      },
      securitySchemes: SECURITY_SCHEMES,
    },
    'x-error-codes': listErrors(),
    'x-close-codes': listClosings(),
  };
}
