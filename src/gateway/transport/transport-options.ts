import type { Config } from '../../config/schema.ts';
import type { TlsPair } from './certificate.ts';
import { securityHeaders } from './http-response.ts';
import type { TransportOptions } from './transport.ts';

/** What the configuration says about the transport. */
export function transportOptions(
  { limits, server }: Config,
  tls: TlsPair | undefined,
): TransportOptions {
  return {
    host: server.host,
    port: server.port,
    frameBytesMax: server.frameBytesMax,
    bodyBytesMax: limits.bodyBytesMax,
    headMs: limits.httpHeaderMs,
    idleMs: limits.httpIdleMs,
    headers: securityHeaders(tls !== undefined),
    tls,
  };
}
