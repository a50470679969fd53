import { problemResponse } from '../transport/http-response.ts';
import type { HttpResponse, RequestHead, UpgradeDecision } from '../transport/transport.ts';

/** What a request's `Origin` is to this server. */
export type OriginKind =
  /** There is none: no browser, or a request of which browsers do not say where it is from. */
  | 'none'
  /** A page of this server. */
  | 'same'
  /** A page of an origin on the list. */
  | 'allowed'
  /** Any other page. */
  | 'foreign';

/** Which pages may use the server: its own, and those of the origins that the operator named. */
export class Origins {
  readonly #isTls: boolean;
  readonly #allowsAll: boolean;
  readonly #allowed: ReadonlySet<string>;

  /**
   * @param allowed `server.allowedOrigins`
   * @param isTls whether the server itself speaks TLS
   */
  constructor(allowed: string, isTls: boolean) {
    this.#isTls = isTls;
    this.#allowsAll = allowed === '*';
    const listed = allowed === '' || allowed === '*' ? [] : allowed.split(',');
    this.#allowed = new Set(listed.map((origin) => readOrigin(origin)?.origin ?? origin));
  }

  /** Whether answers differ by origin, which caches must know. */
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
   * Whether a page was loaded from where it now connects to. A server without TLS cannot know whether a proxy speaks TLS for it, so
   * there either scheme will do; one with TLS knows that a page that came without is somebody else's.
   */
  #isSame(origin: string, host: string | undefined): boolean {
    const page = readOrigin(origin);
    if (page === undefined || host === undefined) return false;
    if (page.protocol === 'http:' && this.#isTls) return false;
    // Read by the same rules, with the same default port.
    const own = readOrigin(`${page.protocol}//${host}`);
    return own !== undefined && own.host === page.host;
  }
}

/** A scheme and a host, with a port or without, and nothing else. */
const ORIGIN = /^https?:\/\/[^\s/?#@,\\]+$/i;

function readOrigin(text: string): URL | undefined {
  return ORIGIN.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** The answer to a page that may not use the server. */
export function foreignProblem(): HttpResponse {
  const detail = 'Pages of this origin may not use this server (server.allowedOrigins).';
  return problemResponse(403, detail, { vary: 'Origin' });
}

/** Refuses the upgrade of a page that may not use the server; undefined for all others. */
export function refuseForeign(origins: Origins, head: RequestHead): UpgradeDecision | undefined {
  if (origins.kindOf(head) !== 'foreign') return undefined;
  return { accept: false, response: foreignProblem() };
}
