import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureVersion } from 'node:tls';
import type { Config } from '../../config/schema.ts';

/** The files of a certificate and its key. */
export interface TlsFiles {
  /** The chain, PEM: the server's own certificate first. */
  readonly certificateFile: string;
  /** The private key, PEM, not encrypted. */
  readonly keyFile: string;
}

/** A certificate and its key, as read. */
export interface TlsPair extends TlsFiles {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** Start of validity, ms since the epoch. */
  readonly validFrom: number;
  /** End of validity, ms since the epoch. */
  readonly validTo: number;
}

/** Oldest version of TLS. uWebSockets.js has the same minimum. */
export const TLS_VERSION_MIN: SecureVersion = 'TLSv1.2';

/** Its bytes in UTF-8. Editors on Windows write it. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';

const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/** Ciphers of TLS 1.2 with forward secrecy and authenticated encryption. */
export const CIPHERS_OF_1_2 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/**
 * Reads a certificate and its key. Accepts a certificate that is not valid now.
 *
 * @throws Error naming the configuration key: a file is not named, not readable or not PEM, or the
 *   two do not match
 */
export function readTlsPair({ certificateFile, keyFile }: TlsFiles): TlsPair {
  if (certificateFile === '') throw new Error('tls.keyFile needs tls.certificateFile');
  if (keyFile === '') throw new Error('tls.certificateFile needs tls.keyFile');
  const certificate = readPem('tls.certificateFile', certificateFile);
  const key = readPem('tls.keyFile', keyFile);
  const parsed = parseCertificate(certificate, certificateFile);
  if (!parsed.checkPrivateKey(parseKey(key, keyFile))) {
    throw new Error(
      `tls.keyFile: the key in ${keyFile} does not match the first certificate in ` +
        certificateFile,
    );
  }
  try {
    createSecureContext({ cert: certificate, key, minVersion: TLS_VERSION_MIN });
  } catch (error) {
    const why = messageOf(error);
    throw new Error(`tls.certificateFile: ${certificateFile} cannot be served: ${why}`, {
      cause: error,
    });
  }
  const validFrom = Date.parse(parsed.validFrom);
  const validTo = Date.parse(parsed.validTo);
  return { certificateFile, keyFile, certificate, key, validFrom, validTo };
}

/** Whether two pairs have the same certificate and key, from whatever files. */
export function isSamePair(one: TlsPair, other: TlsPair): boolean {
  return one.certificate === other.certificate && one.key === other.key;
}

/**
 * Why clients will refuse a certificate at `now`, ms since the epoch; undefined if its dates are
 * valid.
 */
export function validateDates({ validFrom, validTo }: TlsPair, now: number): string | undefined {
  if (now > validTo) return `the certificate expired on ${isoTime(validTo)}`;
  if (now < validFrom) return `the certificate is not valid before ${isoTime(validFrom)}`;
  return undefined;
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}

function readPem(configKey: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw new Error(`${configKey}: cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  if (!text.includes('-----BEGIN ')) throw new Error(`${configKey}: ${file} is not PEM`);
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
}

/**
 * Calls `use` with files for OpenSSL, which skips a first PEM block behind a byte order mark:
 * copies without it, for the time of the call, if the pair's own files have one.
 */
export function withOpenSslFiles<Result>(pair: TlsPair, use: (files: TlsFiles) => Result): Result {
  const { certificate, key } = pair;
  const contents: [string, string][] = [
    [pair.certificateFile, certificate],
    [pair.keyFile, key],
  ];
  if (contents.every(([file, text]) => readFileSync(file, 'latin1') === text)) return use(pair);
  const folder = mkdtempSync(join(tmpdir(), 'tickwire-tls-'));
  try {
    const files = { certificateFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    writeFileSync(files.certificateFile, certificate, { encoding: 'latin1', mode: 0o600 });
    writeFileSync(files.keyFile, key, { encoding: 'latin1', mode: 0o600 });
    return use(files);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parseCertificate(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new Error(`tls.certificateFile: ${file} has no certificate that can be read`, {
      cause: error,
    });
  }
}

function parseKey(text: string, file: string): KeyObject {
  if (ENCRYPTED.test(text)) {
    throw new Error(`tls.keyFile: the key in ${file} is encrypted; it must not be`);
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    // Its message does not contain the content.
    throw new Error(`tls.keyFile: ${file} has no private key that can be read`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Receives warnings about the dates of a certificate. */
interface CertificateLog {
  warn(fields: object, message: string): void;
}

/** The result of reading a certificate again. */
export interface Renewal {
  /** Whether it differs from the one before. */
  readonly isNew: boolean;
  /** End of validity, in ISO 8601. */
  readonly validTo: string;
}

/** The certificate of new connections. */
export class ServedCertificate {
  readonly #log: CertificateLog;
  #pair: TlsPair;

  private constructor(pair: TlsPair, log: CertificateLog) {
    this.#pair = pair;
    this.#log = log;
    this.#checkDates(pair);
  }

  /**
   * The configured certificate; undefined if the server runs without TLS.
   *
   * @throws Error if it or its key cannot be used
   */
  static read(files: Config['tls'], log: CertificateLog): ServedCertificate | undefined {
    if (files.certificateFile === '' && files.keyFile === '') return undefined;
    return new ServedCertificate(readTlsPair(files), log);
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  /**
   * Reads the files again and passes a changed pair to `serve`.
   *
   * @throws Error if they cannot be used; nothing has changed then
   */
  renew(serve: (pair: TlsPair) => void): Renewal {
    const pair = readTlsPair(this.#pair);
    const isNew = !isSamePair(pair, this.#pair);
    this.#checkDates(pair);
    if (isNew) serve(pair);
    this.#pair = pair;
    return { isNew, validTo: new Date(pair.validTo).toISOString() };
  }

  #checkDates(pair: TlsPair): void {
    const fault = validateDates(pair, Date.now());
    if (fault === undefined) return;
    this.#log.warn({ file: pair.certificateFile }, `clients will refuse TLS: ${fault}`);
  }
}
