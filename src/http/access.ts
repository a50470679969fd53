import { setTimeout as sleep } from 'node:timers/promises';
import {
  AccessError,
  ANONYMOUS,
  type Authenticator,
  UNAUTHENTICATED,
  UncheckedTokenError,
} from '../access/index.ts';
import { AddressRates } from '../gateway/limits/address-rates.ts';
import { bearerToken, Client } from '../gateway/sessions/client.ts';
import type { SecurityEvents } from '../gateway/sessions/security-events.ts';
import type { HttpRequest } from '../gateway/transport/transport.ts';
import { RETRY_AFTER, RequestProblem } from './problems.ts';

/** The token that a route requires, if the server requires tokens at all. */
export type AccessLevel =
  /** No token. */
  | 'public'
  /** Any valid token; the handler checks its permissions. */
  | 'token'
  /** A token with `operator`. */
  | 'operator';

export interface HttpAccessOptions {
  /** Undefined: no tokens are required. */
  readonly authenticator: Authenticator | undefined;
  readonly security: SecurityEvents;
  /** Requests of one address per second. */
  readonly requestsPerSecond: number;
}

/**
 * Delay of the answer to a rate-limited request, ms, and the most answers delayed at a time; others
 * are immediate.
 */
const HOLD_MS = 250;
const HELD_MAX = 1024;

const CHALLENGE = { 'www-authenticate': 'Bearer realm="tickwire"' };

/** Identifies the client of a request and checks its rights. */
export class HttpAccess {
  readonly #options: HttpAccessOptions;
  readonly #rates: AddressRates;
  #held = 0;

  constructor(options: HttpAccessOptions) {
    this.#options = options;
    this.#rates = new AddressRates(options.requestsPerSecond);
  }

  /**
   * Counts a request against the rate limit of its address.
   *
   * @throws RequestProblem 429 above the limit
   */
  async checkRate({ remoteAddress }: HttpRequest): Promise<void> {
    if (this.#rates.tryTake(remoteAddress, performance.now())) return;
    this.#options.security.limited('httpRequestsPerSecond', remoteAddress);
    await this.#hold();
    throw new RequestProblem(429, 'Your address exceeds the request rate limit.', {}, RETRY_AFTER);
  }

  /**
   * The client of a request.
   *
   * @throws RequestProblem 401 without a valid token, 403 if it grants no access, 503 if it cannot
   *   be checked now
   */
  async clientOf(request: HttpRequest, level: AccessLevel): Promise<Client> {
    const { authenticator, security } = this.#options;
    const { remoteAddress } = request;
    if (authenticator === undefined) return new Client(ANONYMOUS, remoteAddress);
    if (level === 'public') return new Client(UNAUTHENTICATED, remoteAddress);
    const client = await this.#authenticate(authenticator, request);
    if (level === 'operator' && !client.identity.isOperator) {
      security.forbidden(client, `${request.method} ${request.path}`);
      throw new RequestProblem(403, 'The token has no operator rights.');
    }
    return client;
  }

  /** The problem of a client without the right to read or publish a symbol, existing or not. */
  forbidden(client: Client, action: 'read' | 'publish', symbol: string): RequestProblem {
    this.#options.security.forbidden(client, `${action} ${symbol}`);
    return new RequestProblem(403, `The token does not allow you to ${action} this symbol.`);
  }

  /** A client that retried at once would cost nearly as much as one that is served. */
  async #hold(): Promise<void> {
    if (this.#held >= HELD_MAX) return;
    this.#held++;
    await sleep(HOLD_MS);
    this.#held--;
  }

  async #authenticate(authenticator: Authenticator, request: HttpRequest): Promise<Client> {
    const token = bearerToken(request);
    try {
      if (token === undefined) throw new AccessError('a token is required: Authorization: Bearer');
      return new Client(await authenticator.authenticate(token), request.remoteAddress);
    } catch (error) {
      const isUnchecked = error instanceof UncheckedTokenError;
      if (!isUnchecked && !(error instanceof AccessError)) throw error;
      this.#options.security.authenticationFailed(request.remoteAddress, error.message);
      const [status, headers] = isUnchecked
        ? ([503, RETRY_AFTER] as const)
        : ([401, CHALLENGE] as const);
      throw new RequestProblem(status, `${error.message}.`, {}, headers);
    }
  }
}
