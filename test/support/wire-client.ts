import { once } from 'node:events';
import { onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { RunningContender } from '../../bench/contenders/contender.ts';
import type {
  Payload,
  PublisherSide,
  Receipt,
  SubscriberSide,
  Updates,
  Wire,
} from '../../bench/wires/wire.ts';

const PATIENCE = { timeout: 30_000, interval: 5 };

export type Address = Pick<RunningContender, 'host' | 'port'>;

/** Recorded deliveries. */
export class RecordedReceipt implements Receipt {
  updates = 0;
  readonly dueTimes: number[] = [];

  update(count: number): void {
    this.updates += count;
  }

  dueAt(timeMs: number): void {
    this.dueTimes.push(timeMs);
  }
}

/** Updates of these symbols in order, due half a millisecond apart. */
export function updatesOf(symbols: readonly number[], firstDue = 1_700_000_000_000.25): Updates {
  return {
    symbols: Int32Array.from(symbols),
    prices: new Float64Array(symbols.length).fill(1.5),
    times: Float64Array.from(symbols, (_symbol, index) => firstDue + index / 2),
  };
}

/** One side of a wire on a WebSocket, for one test. */
export class WireClient<Side extends PublisherSide | SubscriberSide> {
  readonly side: Side;
  readonly #socket: WebSocket;
  #fault: Error | undefined;

  private constructor(side: Side, socket: WebSocket, receive: (payload: Payload) => unknown) {
    this.side = side;
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      try {
        const answer = receive(isBinary ? data : data.toString()) as Payload | undefined;
        if (answer !== undefined) socket.send(answer);
      } catch (error) {
        this.#fault ??= error instanceof Error ? error : new Error(String(error));
      }
    });
    socket.on('close', () => {
      this.#fault ??= new Error('the server closed the connection');
    });
  }

  static publisher(wire: Wire, side: PublisherSide, at: Address) {
    return WireClient.#open(wire, wire.publishPath, side, at, (payload) => side.receive(payload));
  }

  static subscriber(wire: Wire, side: SubscriberSide, at: Address, receipt: Receipt) {
    const receive = (payload: Payload) => side.receive(payload, receipt);
    return WireClient.#open(wire, wire.streamPath, side, at, receive);
  }

  static async #open<Side extends PublisherSide | SubscriberSide>(
    wire: Wire,
    path: string,
    side: Side,
    { host, port }: Address,
    receive: (payload: Payload) => unknown,
  ): Promise<WireClient<Side>> {
    const protocols = wire.protocol === undefined ? [] : [wire.protocol];
    const options = { perMessageDeflate: false };
    const socket = new WebSocket(`ws://${host}:${port}${path}`, protocols, options);
    onTestFinished(() => socket.terminate());
    const client = new WireClient(side, socket, receive);
    await once(socket, 'open');
    for (const payload of side.opening()) socket.send(payload);
    await client.until(() => side.isReady);
    return client;
  }

  /** Waits for a state; throws the wire's error or a time-out. */
  async until(isReached: () => boolean): Promise<void> {
    await vi.waitUntil(() => this.#fault !== undefined || isReached(), PATIENCE);
    if (this.#fault !== undefined) throw this.#fault;
  }

  send(payload: Payload): void {
    this.#socket.send(payload);
  }
}
