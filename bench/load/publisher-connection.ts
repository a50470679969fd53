import type { Market, Payload, PublisherSide, Updates, Wire } from '../wires/wire.ts';
import { WebSocketClient } from './web-socket-client.ts';

/** Where a server takes connections. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A publisher's connection: the socket and what the wire makes of it. */
export class PublisherConnection {
  /** Updates handed to `add` so far. */
  sent = 0;
  /** Called when there may be room again: the server said something, or the socket is empty. */
  onRoom: (() => void) | undefined;
  readonly #side: PublisherSide;
  readonly #client: WebSocketClient;
  #ended: string | undefined;

  /** Opens a connection; see `isReady` and `ended` for how that goes. */
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

  /** Why the connection is gone; undefined while it stands. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Updates that may be added now. */
  get credit(): number {
    return this.#side.credit;
  }

  /** Bytes that the kernel has not taken. */
  get bufferedBytes(): number {
    return this.#client.bufferedBytes;
  }

  /** Bytes that wait for `flush`. */
  get unflushedBytes(): number {
    return this.#client.unflushedBytes;
  }

  /** Adds one message to what `flush` sends. */
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
