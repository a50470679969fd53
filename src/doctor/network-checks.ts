import { createAuthenticator } from '../access/index.ts';
import { checkExposure } from '../config/exposure.ts';
import type { Config } from '../config/schema.ts';
import { readTlsPair, validateDates } from '../gateway/transport/certificate.ts';
import { probeAddresses } from '../gateway/transport/listen-address.ts';
import { type Finding, messageOf } from './finding.ts';

const DAY_MS = 86_400_000;
const VALID_DAYS_MIN = 14;

export async function checkPort({ server }: Config): Promise<Finding[]> {
  const subject = 'address';
  try {
    const { addresses, port } = await probeAddresses(server);
    const place = addresses.join(' and ');
    const found = server.port === 0 ? `${place}, any port` : `${place} port ${port} is free`;
    return [{ verdict: 'ok', subject, found }];
  } catch (error) {
    const remedy = 'stop what listens there, or set server.host and server.port';
    return [{ verdict: 'fault', subject, found: messageOf(error), remedy }];
  }
}

export function checkExposed(config: Config): Finding[] {
  const subject = 'exposure';
  const { apiKeysFile, jwksUrl, jwtSecret, keysFile } = config.auth;
  const hasTokens = [apiKeysFile, jwksUrl, jwtSecret, keysFile].some((value) => value !== '');
  try {
    const warnings = checkExposure(config, hasTokens);
    if (warnings.length > 0) {
      return warnings.map((found) => ({ verdict: 'warning', subject, found }));
    }
    return [{ verdict: 'ok', subject, found: `tokens are ${hasTokens ? '' : 'not '}required` }];
  } catch (error) {
    return [{ verdict: 'fault', subject, found: messageOf(error) }];
  }
}

export function checkTls({ tls }: Config): Finding[] {
  const subject = 'TLS';
  if (tls.certificateFile === '' && tls.keyFile === '') {
    return [{ verdict: 'ok', subject, found: 'none' }];
  }
  try {
    const now = Date.now();
    const pair = readTlsPair(tls);
    const fault = validateDates(pair, now);
    const remedy = 'renew the certificate';
    if (fault !== undefined) return [{ verdict: 'fault', subject, found: fault, remedy }];
    const days = Math.floor((pair.validTo - now) / DAY_MS);
    const found = `${tls.certificateFile} is valid for ${days} days`;
    if (days >= VALID_DAYS_MIN) return [{ verdict: 'ok', subject, found }];
    return [{ verdict: 'warning', subject, found, remedy }];
  } catch (error) {
    return [{ verdict: 'fault', subject, found: messageOf(error) }];
  }
}

export async function checkTokens({ auth }: Config): Promise<Finding[]> {
  const subject = 'tokens';
  const findings: Finding[] = [];
  const log = {
    info: () => undefined,
    warn: (_fields: object, found: string) => findings.push({ verdict: 'warning', subject, found }),
    error: (_fields: object, found: string) =>
      findings.push({ verdict: 'warning', subject, found }),
  };
  try {
    // A URL of keys is not fetched: the server starts without it.
    const authenticator = await createAuthenticator({ ...auth, jwksUrl: '' }, log);
    const found = authenticator === undefined ? 'no local keys' : 'the keys can be read';
    return [...findings, { verdict: 'ok', subject, found }];
  } catch (error) {
    return [...findings, { verdict: 'fault', subject, found: messageOf(error) }];
  }
}
