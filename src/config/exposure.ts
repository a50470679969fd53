import { isIPv4 } from 'node:net';
import type { Config } from './schema.ts';

/**
 * Refuses to listen beyond loopback without TLS and tokens, unless the configuration allows it.
 *
 * @param hasTokens whether clients must authenticate
 * @returns warnings for the log: what the configuration exposes on purpose
 * @throws Error naming the keys to set
 */
export function checkExposure({ server, tls }: Config, hasTokens: boolean): readonly string[] {
  if (isLoopback(server.host)) return [];
  const faults: string[] = [];
  const warnings: string[] = [];
  const place = `the address ${server.host} is reachable from other machines`;
  if (tls.certificateFile === '') {
    if (server.allowPlaintext === 'yes') {
      warnings.push(`${place}, and server.allowPlaintext permits no TLS`);
    } else {
      faults.push(
        'without TLS: set tls.certificateFile and tls.keyFile, or, behind a proxy that ' +
          'encrypts, server.allowPlaintext=yes',
      );
    }
  }
  if (!hasTokens) {
    if (server.allowAnonymous === 'yes') {
      warnings.push(`${place}, and server.allowAnonymous admits anyone who reaches it`);
    } else {
      faults.push(
        'without tokens: set one of auth.jwtSecret, auth.keysFile, auth.jwksUrl and ' +
          'auth.apiKeysFile, or, if everyone who can reach it may do everything, ' +
          'server.allowAnonymous=yes',
      );
    }
  }
  if (faults.length === 0) return warnings;
  throw new Error(
    `server.host: ${place}, and the server is ${faults.join('; and ')}. ` +
      'Or listen on 127.0.0.1.',
  );
}

/** Whether only this machine can reach an address or host name. */
function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}
