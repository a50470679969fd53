import type { Identity } from './identity.ts';

const TOKENS_MAX = 4_096;

/**
 * How long a verified token is believed. Keys that change make it forget at once; this bounds what
 * else could go unnoticed, and frees the memory of tokens that are not used.
 */
const BELIEVED_MS = 60_000;

interface Entry {
  readonly identity: Identity;
  readonly until: number;
}

/**
 * Tokens that were verified a short time ago, by their SHA-256.
 *
 * Verifying costs 150 to 250 µs, of which the main thread has 60 to 130; a look in here costs 5. HTTP
 * clients show their token with each request, and many connections may show the same.
 */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  #version = 0;

  /** The identity of a verified token; undefined where it is to be verified (again). */
  get(digest: string, version: number, now: number): Identity | undefined {
    this.#forgetOther(version);
    const entry = this.#entries.get(digest);
    if (entry === undefined) return undefined;
    if (now < entry.until) return entry.identity;
    this.#entries.delete(digest);
    return undefined;
  }

  /** @param version of the keys when verifying began: what was verified with older ones is not kept */
  set(digest: string, identity: Identity, version: number, now: number): void {
    if (version !== this.#version) return;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= TOKENS_MAX && oldest !== undefined) this.#entries.delete(oldest);
    const until = Math.min(identity.expiresAt, now + BELIEVED_MS);
    this.#entries.set(digest, { identity, until });
  }

  #forgetOther(version: number): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#entries.clear();
  }
}
