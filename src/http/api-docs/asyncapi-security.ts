import { Op } from '../../protocol/index.ts';

const WHERE_DEMANDED = 'Where the server demands a token.';

/** The ways to bring a token. */
export const SECURITY_SCHEMES = {
  bearerHeader: {
    type: 'http',
    scheme: 'bearer',
    description: `${WHERE_DEMANDED} The header \`Authorization: Bearer TOKEN\` of the upgrade.`,
  },
  bearerSubprotocol: {
    type: 'httpApiKey',
    name: 'Sec-WebSocket-Protocol',
    in: 'header',
    description:
      `${WHERE_DEMANDED} The subprotocol entry \`bearer.TOKEN\` beside the encoding's: browsers ` +
      'cannot set headers. The server never echoes it.',
  },
  authFrame: {
    type: 'apiKey',
    in: 'password',
    description:
      `${WHERE_DEMANDED} \`AUTH\`, \`[${Op.AUTH}, token]\`, as the first frame. A later one ` +
      'replaces the token before it expires, without a reconnect.',
  },
} as const;

/** References to all of them: any one will do. */
export function anyToken(): readonly object[] {
  return Object.keys(SECURITY_SCHEMES).map((name) => ({
    $ref: `#/components/securitySchemes/${name}`,
  }));
}
