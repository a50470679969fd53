import type { Config } from '../../config/schema.ts';
import type { GatewayLog } from '../context.ts';
import { isSamePair, readTlsPair, type TlsPair, validateDates } from './tls-pair.ts';

/** What came of reading a certificate again. */
export interface Renewal {
  /** Whether it is another one than before. */
  readonly isNew: boolean;
  /** Until when it is valid, in ISO 8601. */
  readonly validTo: string;
}

/** The certificate that new connections get. */
export class ServedCertificate {
  readonly #log: GatewayLog;
  #pair: TlsPair;

  private constructor(pair: TlsPair, log: GatewayLog) {
    this.#pair = pair;
    this.#log = log;
    this.#checkDates(pair);
  }

  /**
   * The configured certificate; undefined: the server is one without TLS.
   *
   * @throws Error when it or its key cannot be used
   */
  static read(files: Config['tls'], log: GatewayLog): ServedCertificate | undefined {
    if (files.certificateFile === '' && files.keyFile === '') return undefined;
    return new ServedCertificate(readTlsPair(files), log);
  }

  get pair(): TlsPair {
    return this.#pair;
  }

  /**
   * Reads the files again, and where they have changed has `serve` use them.
   *
   * @throws Error when they cannot be used; then nothing has changed
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
