import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { jwkOf, newKeys, signed } from './tokens.ts';

/**
 * An issuer that withholds its keys until release: until then, verification of its tokens is
 * pending.
 */
export class SlowIssuer {
  readonly url: string;
  readonly #keys = newKeys('EdDSA');
  readonly #held: ServerResponse[] = [];
  #isReleased = false;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/keys`;
  }

  static async startForTest(): Promise<SlowIssuer> {
    const server = createServer((_request, response) => issuer.#ask(response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const issuer = new SlowIssuer((server.address() as AddressInfo).port);
    return issuer;
  }

  /** A token that verifies once the keys are released. */
  sign(claims: object): Promise<string> {
    return signed(claims, this.#keys, { kid: 'slow' });
  }

  release(): void {
    this.#isReleased = true;
    for (const response of this.#held.splice(0)) this.#answer(response);
  }

  #ask(response: ServerResponse): void {
    if (this.#isReleased) this.#answer(response);
    else this.#held.push(response);
  }

  #answer(response: ServerResponse): void {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [jwkOf(this.#keys, { kid: 'slow', alg: 'EdDSA' })] }));
  }
}
