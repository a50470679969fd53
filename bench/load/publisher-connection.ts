import type { Market, Payload, PublisherSide, Updates, Wire } from '../wires/wire.ts';
import { WebSocketClient } from './web-socket-client.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A publisher's socket and wire. */
export class PublisherConnection {
  sent = 0;
  /** Called when there may be room: a message arrived or the socket drained. */
  onRoom: (() => void) | undefined;
  readonly #side: PublisherSide;
  readonly #client: WebSocketClient;
  #ended: string | undefined;

  /** Connects; `isReady` and `ended` tell the outcome. */
  constructor(server: ServerAddress, wire: Wire, market: Market) {
    this.#side = wire.publisher(market);
    const { host, port } = server;
    const address = { host, port, path: wire.publishPath, protocol: wire.protocol };
    this.#client = new WebSocketClient(address, {
      opened: () => {
        for (const payload of this.#side.opening()) this.#client.add(payload);
      },
      message: (payload) => this.#receive(payload),
      drained: () => this.onRoom?.(),
      closed: (reason) => {
        this.#ended = reason;
        this.onRoom?.();
      },
    });
  }

  get isReady(): boolean {
    return this.#client.isOpen && this.#side.isReady;
  }

  /** Why the connection ended; undefined while open. */
  get ended(): string | undefined {
    return this.#ended;
  }

  get credit(): number {
    return this.#side.credit;
  }

  get bufferedBytes(): number {
    return this.#client.bufferedBytes;
  }

  get unflushedBytes(): number {
    return this.#client.unflushedBytes;
  }

  add(updates: Updates, from: number, to: number): void {
    this.#client.add(this.#side.encode(updates, from, to));
    this.sent += to - from;
  }

  flush(): void {
    this.#client.flush();
  }

  close(): void {
    this.#client.close();
  }

  #receive(payload: Payload): void {
    const answer = this.#side.receive(payload);
    if (answer !== undefined) this.#client.add(answer);
    this.onRoom?.();
  }
}
