import { isIPv4 } from 'node:net';
import type { Config } from './schema.ts';

/**
 * Refuses to listen where others could read along or do as they please, unless the operator said that this is meant.
 *
 * @param hasTokens whether clients must say who they are
 * @returns what was said so, for the log
 * @throws Error naming what to set
 */
export function checkExposure({ server, tls }: Config, hasTokens: boolean): readonly string[] {
  if (isLoopback(server.host)) return [];
  const faults: string[] = [];
  const warnings: string[] = [];
  const place = `the address ${server.host} is not of this machine alone`;
  if (tls.certificateFile === '') {
    if (server.allowPlaintext === 'yes') {
      warnings.push(`${place}, and server.allowPlaintext has it served without TLS`);
    } else {
      faults.push(
        'without TLS: set tls.certificateFile and tls.keyFile, or, where something in front ' +
          'encrypts, server.allowPlaintext=yes',
      );
    }
  }
  if (!hasTokens) {
    if (server.allowAnonymous === 'yes') {
      warnings.push(`${place}, and server.allowAnonymous lets anyone in who reaches it`);
    } else {
      faults.push(
        'without tokens: set one of auth.jwtSecret, auth.keysFile, auth.jwksUrl and ' +
          'auth.apiKeysFile, or, where only those reach it who may do everything, ' +
          'server.allowAnonymous=yes',
      );
    }
  }
  if (faults.length === 0) return warnings;
  throw new Error(
    `server.host: ${place}, and would be served ${faults.join('; and ')}. ` +
      'Or listen on 127.0.0.1.',
  );
}

/** Whether only programs of this machine can reach an address or host name. */
function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}
