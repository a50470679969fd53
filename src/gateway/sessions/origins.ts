import { problemResponse } from '../transport/http-response.ts';
import type { HttpResponse, RequestHead } from '../transport/transport.ts';
import type { SecurityEvents } from './security-events.ts';

/** The relation of a request's `Origin` to this server. */
export type OriginKind =
  /** None: not a browser, or a request for which browsers send no origin. */
  | 'none'
  /** A page of this server. */
  | 'same'
  /** A page of an origin that the configuration lists. */
  | 'allowed'
  /** Any other page. */
  | 'foreign';

/** Decides which pages may use the server: its own, and those of configured origins. */
export class Origins {
  readonly #isTls: boolean;
  readonly #allowsAll: boolean;
  readonly #allowed: ReadonlySet<string>;

  /**
   * @param allowed `server.allowedOrigins`
   * @param isTls whether this server itself terminates TLS
   */
  constructor(allowed: string, isTls: boolean) {
    this.#isTls = isTls;
    this.#allowsAll = allowed === '*';
    const listed = allowed === '' || allowed === '*' ? [] : allowed.split(',');
    this.#allowed = new Set(listed.map((origin) => readOrigin(origin)?.origin ?? origin));
  }

  /** Whether answers differ by origin, which caches must be told. */
  get isListed(): boolean {
    return this.#allowsAll || this.#allowed.size > 0;
  }

  kindOf(head: RequestHead): OriginKind {
    const origin = head.header('origin');
    if (origin === undefined) return 'none';
    if (this.#isSame(origin, head.header('host'))) return 'same';
    return this.#allowsAll || this.#allowed.has(origin) ? 'allowed' : 'foreign';
  }

  /**
   * Whether a page comes from this server. Without TLS, a proxy may terminate it, so either scheme
   * is accepted; with TLS, a page loaded without it comes from elsewhere.
   */
  #isSame(origin: string, host: string | undefined): boolean {
    const page = readOrigin(origin);
    if (page === undefined || host === undefined) return false;
    if (page.protocol === 'http:' && this.#isTls) return false;
    // Parsed by the same rules, with the same default port.
    const own = readOrigin(`${page.protocol}//${host}`);
    return own !== undefined && own.host === page.host;
  }
}

/** Scheme, host and optional port, nothing else. */
const ORIGIN = /^https?:\/\/[^\s/?#@,\\]+$/i;

function readOrigin(text: string): URL | undefined {
  return ORIGIN.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** Refuses a page of a foreign origin, and reports it. */
export function refuseForeign(security: SecurityEvents, head: RequestHead): HttpResponse {
  security.originRefused(head.remoteAddress, head.header('origin') ?? '');
  const detail = 'Pages of this origin may not use this server (server.allowedOrigins).';
  return problemResponse(403, detail, { vary: 'Origin' });
}
