import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpRequest, HttpResponse } from '../gateway/transport/transport.ts';
import type { Handler } from './context.ts';
import { acceptsGzip } from './negotiation.ts';
import { RequestProblem } from './problems.ts';

/** The files for browsers, the dashboard and the SDK, read once. */
export class Assets {
  readonly #assets: ReadonlyMap<string, Asset>;

  private constructor(assets: ReadonlyMap<string, Asset>) {
    this.#assets = assets;
  }

  /** @param folder output of the build; absent files are {@link missing} */
  static async read(folder: string): Promise<Assets> {
    const assets = new Map<string, Asset>();
    const reads = Object.entries(ASSETS).map(async ([path, { file, headers }]) => {
      const content = await readFile(join(folder, file)).catch(() => undefined);
      if (content !== undefined) assets.set(path, new Asset(content, headers));
    });
    await Promise.all(reads);
    return new Assets(assets);
  }

  /** The paths of absent files. */
  get missing(): readonly string[] {
    return Object.keys(ASSETS).filter((path) => !this.#assets.has(path));
  }

  /** The handler of a path in {@link ASSETS}. */
  handler(path: string): Handler {
    const asset = this.#assets.get(path);
    if (asset !== undefined) return (request) => asset.respond(request);
    return () => {
      throw new RequestProblem(503, 'This part of the server was not built: npm run build.');
    };
  }
}

const compress = promisify(gzip);

/** A file in memory with, once asked for, its compressed copy. */
export class Asset {
  readonly #content: Uint8Array;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #hash: string;
  #compressed: Promise<Uint8Array> | undefined;

  /** @param headers of the answer, beside those for caching and encoding */
  constructor(content: Uint8Array, headers: Readonly<Record<string, string>>) {
    this.#content = content;
    this.#headers = headers;
    this.#hash = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  }

  /** The answer to a GET: 304 for a client that has these bytes. */
  async respond(request: HttpRequest): Promise<HttpResponse> {
    const isCompressed = acceptsGzip(request.header('accept-encoding'));
    // Each encoding has its own tag: a strong tag means identical bytes.
    const etag = isCompressed ? `"${this.#hash}-gzip"` : `"${this.#hash}"`;
    const caching = { 'cache-control': 'no-cache', vary: 'Accept-Encoding', etag };
    const headers = { ...this.#headers, ...caching };
    if (matchesTag(request.header('if-none-match'), etag))
      return { status: 304, headers, body: '' };
    if (!isCompressed) return { status: 200, headers, body: this.#content };
    this.#compressed ??= compress(this.#content);
    const body = await this.#compressed;
    return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body };
  }
}

/** A file of the build that browsers may load. */
export interface AssetSource {
  /** Relative to the folder of the build. */
  readonly file: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The page loads from this server only, which includes its WebSocket. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': PAGE_POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};
const SCRIPT = { 'content-type': 'text/javascript; charset=utf-8' };
const STYLE = { 'content-type': 'text/css; charset=utf-8' };
const SOURCE_MAP = { 'content-type': 'application/json' };
const IMAGE = { 'content-type': 'image/svg+xml' };

/** Only for our own page. */
const OWN = { 'cross-origin-resource-policy': 'same-origin' };
/** For pages of any origin. */
const ANYONE = {
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
};

/** The files served from the folder of the build, by path. */
export const ASSETS: Readonly<Record<string, AssetSource>> = {
  '/': { file: 'index.html', headers: { ...PAGE, ...OWN } },
  '/dashboard.js': { file: 'dashboard.js', headers: { ...SCRIPT, ...OWN } },
  '/dashboard.js.map': { file: 'dashboard.js.map', headers: { ...SOURCE_MAP, ...OWN } },
  '/dashboard.css': { file: 'dashboard.css', headers: { ...STYLE, ...OWN } },
  '/dashboard.css.map': { file: 'dashboard.css.map', headers: { ...SOURCE_MAP, ...OWN } },
  '/favicon.svg': { file: 'favicon.svg', headers: { ...IMAGE, ...OWN } },
  '/sdk/tickwire.js': { file: 'sdk/tickwire.js', headers: { ...SCRIPT, ...ANYONE } },
  '/sdk/tickwire.js.map': { file: 'sdk/tickwire.js.map', headers: { ...SOURCE_MAP, ...ANYONE } },
};

/** Whether an `If-None-Match` names a strong tag. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => {
    const tag = item.trim();
    // Proxies that change the encoding make a tag weak, which does not matter here.
    return tag === '*' || tag === etag || tag === `W/${etag}`;
  });
}
