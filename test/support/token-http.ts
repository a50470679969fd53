import { expect } from 'vitest';
import { type Answer, HttpClient } from './http-client.ts';

/** A page of statistics or anomalies, as far as access tests need it. */
export interface ListPage {
  readonly items: readonly { readonly symbol: string; readonly sequence?: number }[];
  readonly next: string | null;
}

export const symbolsOf = ({ items }: ListPage) => items.map(({ symbol }) => symbol);

const PAGES_MAX = 1000;

/** Sends a token with each HTTP request. */
export class TokenHttp {
  readonly #http: HttpClient;
  readonly #token: string;

  private constructor(http: HttpClient, token: string) {
    this.#http = http;
    this.#token = token;
  }

  static async connect(port: number, token: string): Promise<TokenHttp> {
    return new TokenHttp(await HttpClient.connect(port), token);
  }

  with(token: string): TokenHttp {
    return new TokenHttp(this.#http, token);
  }

  get<Body = ListPage>(path: string): Promise<Answer<Body>> {
    return this.#send('GET', path);
  }

  head(path: string): Promise<Answer> {
    return this.#send('HEAD', path);
  }

  post<Body>(value: unknown): Promise<Answer<Body>> {
    return this.#send('POST', '/api/prices', {
      body: JSON.stringify(value),
      headers: { 'content-type': 'application/json' },
    });
  }

  /** All pages from a path with a `limit`; must terminate. */
  async pages(path: string): Promise<ListPage[]> {
    const pages: ListPage[] = [];
    let next: string | null = '';
    while (next !== null) {
      const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`;
      const { status, json } = await this.get(`${path}${after}`);
      expect(status).toBe(200);
      pages.push(json);
      ({ next } = json);
      expect(pages.length).toBeLessThan(PAGES_MAX);
    }
    return pages;
  }

  #send<Body>(method: string, path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
    return this.#http.send(method, path, { ...init, headers });
  }
}
