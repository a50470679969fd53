import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Address } from './wire-client.ts';

interface Command {
  readonly id?: number;
  readonly connect?: object;
  readonly subscribe?: { readonly channel: string };
  readonly publish?: { readonly channel: string; readonly data: unknown };
}

/**
 * A scripted Centrifugo (JSON protocol) for one test: answers commands in order, joins messages by
 * line feeds, and ends each batch with a ping.
 */
export class ScriptedCentrifugo {
  /** Answered pings. */
  pongs = 0;
  readonly #server: WebSocketServer;
  readonly #channels = new Map<string, Set<WebSocket>>();

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => this.#receive(socket, data.toString()));
    });
  }

  static async startForTest(): Promise<ScriptedCentrifugo> {
    const options = { host: '127.0.0.1', port: 0, path: '/connection/websocket' };
    const server = new WebSocketServer(options);
    onTestFinished(() => server.close());
    await once(server, 'listening');
    return new ScriptedCentrifugo(server);
  }

  get address(): Address {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return { host: '127.0.0.1', port: address.port };
  }

  #receive(socket: WebSocket, text: string): void {
    const said = new Map<WebSocket, string[]>();
    const say = (to: WebSocket, line: string) => said.set(to, [...(said.get(to) ?? []), line]);
    for (const line of text.split('\n')) this.#obey(JSON.parse(line) as Command, socket, say);
    for (const [to, lines] of said) to.send([...lines, '{}'].join('\n'));
  }

  #obey(command: Command, from: WebSocket, say: (to: WebSocket, line: string) => void): void {
    const { id, connect, subscribe, publish } = command;
    if (id === undefined) this.pongs += 1;
    if (connect !== undefined) {
      say(from, `{"id":${id},"connect":{"client":"c","version":"6.0.0","ping":25,"pong":true}}`);
    }
    if (subscribe !== undefined) {
      this.#subscribersOf(subscribe.channel).add(from);
      say(from, `{"id":${id},"subscribe":{}}`);
    }
    if (publish !== undefined) {
      const { channel, data } = publish;
      const push = JSON.stringify({ push: { channel, pub: { data } } });
      for (const subscriber of this.#subscribersOf(channel)) say(subscriber, push);
      say(from, `{"id":${id},"publish":{}}`);
    }
  }

  #subscribersOf(channel: string): Set<WebSocket> {
    const subscribers = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, subscribers);
    return subscribers;
  }
}
