import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../loadgen/clock.ts';
import { WebSocketClient } from '../load/web-socket-client.ts';
import { tickwireWire } from '../wires/tickwire.ts';
import type { PublisherSide, Receipt, SubscriberSide, Updates } from '../wires/wire.ts';

const MARKET = { symbols: ['VICTIM'] };
const TICK_EVERY_MS = 4;
const LATE_MS = 2000;
const READY_MS = 20_000;
const wire = tickwireWire();

/** A modest publisher and subscriber: one tick every 4 ms, expected soon. */
export class Victim implements Receipt {
  readonly #clock: Clock;
  readonly #port: number;
  readonly #publisher: PublisherSide = wire.publisher(MARKET);
  readonly #subscriber: SubscriberSide = wire.subscriber(MARKET, [0]);
  #latencies: number[] = [];
  #lost: string | undefined;
  #publisherSocket: WebSocketClient | undefined;

  constructor(port: number, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  /** @throws Error when they are not connected within 20 s */
  async open(): Promise<void> {
    this.#publisherSocket = this.#connect(wire.publishPath, this.#publisher, (payload) =>
      this.#publisher.receive(payload),
    );
    this.#connect(wire.streamPath, this.#subscriber, (payload) =>
      this.#subscriber.receive(payload, this),
    );
    const deadline = performance.now() + READY_MS;
    while (!this.#publisher.isReady || !this.#subscriber.isReady) {
      if (performance.now() > deadline) throw new Error('the victim did not get in');
      await sleep(10);
    }
  }

  update(): void {
    // Only times count.
  }

  dueAt(timeMs: number): void {
    this.#latencies.push(this.#clock.now() - timeMs);
  }

  /**
   * 99th percentile of tick latency at the subscriber, ms.
   *
   * @throws Error when a connection was lost or nothing arrived
   */
  async measureP99(seconds: number): Promise<number> {
    this.#latencies = [];
    const ticks = Math.round((seconds * 1000) / TICK_EVERY_MS);
    const startedAt = this.#clock.now();
    for (let i = 0; i < ticks; i++) {
      const dueAt = startedAt + i * TICK_EVERY_MS;
      const delayMs = dueAt - this.#clock.now();
      if (delayMs > 0) await sleep(delayMs);
      this.#send(i + 1);
    }
    const deadline = performance.now() + LATE_MS;
    while (this.#latencies.length < ticks && performance.now() < deadline) await sleep(10);
    if (this.#lost !== undefined) throw new Error(`the victim lost its connection: ${this.#lost}`);
    if (this.#latencies.length === 0) throw new Error('the victim got nothing');
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] as number;
  }

  /** Counted from the send: this process's own lag is not the server's. */
  #send(price: number): void {
    const update: Updates = {
      symbols: Int32Array.of(0),
      prices: Float64Array.of(price),
      times: Float64Array.of(this.#clock.now()),
    };
    this.#publisherSocket?.add(this.#publisher.encode(update, 0, 1));
    this.#publisherSocket?.flush();
  }

  #connect(
    path: string,
    side: PublisherSide | SubscriberSide,
    receive: (payload: Uint8Array | string) => Uint8Array | string | undefined,
  ): WebSocketClient {
    const address = { host: '127.0.0.1', port: this.#port, path, protocol: wire.protocol };
    const socket = new WebSocketClient(address, {
      opened: () => {
        for (const payload of side.opening()) socket.add(payload);
        socket.flush();
      },
      message: (payload) => {
        const answer = receive(payload);
        if (answer !== undefined) socket.add(answer);
      },
      closed: (reason) => {
        this.#lost = reason;
      },
    });
    return socket;
  }
}
