import { expect } from 'vitest';
import { IndependentClient } from '../../testkit/independent/client.ts';
import { Op } from '../../testkit/independent/protocol.ts';

/** Ops whose frames start with the server time. */
const TIMED: ReadonlySet<unknown> = new Set([Op.STATS, Op.ANOMALY]);

/** A client that records every frame but heartbeats. */
class ConsoleClient extends IndependentClient {
  readonly #unread: unknown[][] = [];

  static override open(port: number, path: string): Promise<ConsoleClient> {
    const socket = IndependentClient.socket(`ws://127.0.0.1:${port}${path}`, { json: true });
    return new ConsoleClient(socket, true).ready();
  }

  async read(expected: string): Promise<unknown[]> {
    await this.until(() => this.#unread.length > 0, expected);
    return this.#unread.shift() as unknown[];
  }

  get unread(): readonly unknown[] {
    return this.#unread;
  }

  protected override take(frame: unknown[]): void {
    super.take(frame);
    if (frame[0] !== Op.HEARTBEAT) this.#unread.push(frame);
  }
}

/** Replays console sessions from a page and compares the answers with it. */
export class ConsoleSession {
  /** Compared lines of server output. */
  compared = 0;
  readonly #port: number;
  readonly #clients = new Map<string, ConsoleClient>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Replays a page's blocks; each names its console. */
  async replay(page: string): Promise<void> {
    const blocks = page.matchAll(/```console (\w+)\n(.*?)```/gs);
    for (const [, name = '', block = ''] of blocks) {
      const lines = block.trim().replaceAll(/\n +/g, '').split('\n');
      for (const line of lines) await this.#line(name, line);
    }
    for (const [name, { unread, violations }] of this.#clients) {
      expect([name, unread, violations]).toEqual([name, [], []]);
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async #line(name: string, line: string): Promise<void> {
    if (line.startsWith('$ ')) {
      const [, path = ''] = /127\.0\.0\.1:9001([^' ]*)'? -s tickwire\.v1\.json$/.exec(line) ?? [];
      this.#clients.set(name, await ConsoleClient.open(this.#port, path));
      return;
    }
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`${name} says ${line} before it is connected`);
    if (line.startsWith('> ')) {
      client.sendRaw(line.slice(2));
    } else if (line.startsWith('< ')) {
      const frame = await client.read(line);
      expect(comparable(frame)).toEqual(comparable(JSON.parse(line.slice(2)) as unknown[]));
      this.compared++;
    } else {
      const { code, reason } = await client.closing();
      expect(`Disconnected (code: ${code}, reason: "${reason}")`).toBe(line);
      this.compared++;
    }
  }
}

/** A frame without what varies between servers and moments. */
function comparable(frame: readonly unknown[]): unknown {
  const [op, ...rest] = frame;
  if (op === Op.WELCOME) {
    return [op, { ...(rest[0] as object), epoch: '', session: '', serverTime: 0 }];
  }
  if (TIMED.has(op)) return [op, typeof rest[0], ...rest.slice(1)];
  return op === Op.PONG ? [op, rest[0], typeof rest[1]] : frame;
}
