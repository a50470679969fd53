import type {
  RequestHead,
  StartTransport,
  Transport,
  TransportHandlers,
} from '../../src/gateway/transport/transport.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import type { Client, Observer } from './connection-ends.ts';
import { SimulatedConnection } from './simulated-connection.ts';

const CONNECT_MS_MAX = 8;
const REFUSED = 1006;

/** What a client asks for when it connects. */
export interface Upgrade {
  readonly path: string;
  readonly query: string;
  readonly json: boolean;
}

/** The way to the server, if one is listening. */
export class SimulatedNetwork {
  readonly #scheduler: Scheduler;
  #handlers: TransportHandlers | undefined;
  #connections: SimulatedConnection[] = [];
  #onFault: (error: unknown) => void;

  constructor(scheduler: Scheduler, onFault: (error: unknown) => void) {
    this.#scheduler = scheduler;
    this.#onFault = onFault;
  }

  get isListening(): boolean {
    return this.#handlers !== undefined;
  }

  /** Replaces the transport. */
  readonly startTransport: StartTransport = (_options, handlers) => {
    this.#handlers = handlers;
    const transport: Transport = {
      name: 'node',
      port: 1,
      renewTls: () => undefined,
      stopListening: () => {
        this.#handlers = undefined;
      },
      close: () => this.cut(),
    };
    return Promise.resolve(transport);
  };

  /** A client connects; `observer` looks on once the server's end is there. */
  connect(upgrade: Upgrade, client: Client, observer: () => Observer): SimulatedConnection {
    const connection = new SimulatedConnection(this.#scheduler, client);
    const delayMs = CONNECT_MS_MAX * this.#scheduler.random.float();
    const { process } = this.#scheduler;
    const run = () => {
      if (process === this.#scheduler.process) this.#accept(upgrade, connection, observer);
      else this.#refuse(connection);
    };
    const event = this.#scheduler.after(delayMs, Thread.MAIN, 'client connects', run);
    // Also where the server died meanwhile, the client is told.
    event.process = 0;
    return connection;
  }

  /** The process is gone: so are its sockets. */
  cut(): void {
    this.#handlers = undefined;
    for (const connection of this.#connections) connection.cut();
    this.#connections = [];
  }

  #accept(upgrade: Upgrade, connection: SimulatedConnection, observer: () => Observer): void {
    const decision = this.#handlers?.upgrade(headOf(upgrade));
    if (decision?.accept !== true) {
      this.#refuse(connection);
      return;
    }
    this.#connections = this.#connections.filter(({ isServerOpen }) => isServerOpen);
    this.#connections.push(connection);
    try {
      connection.open(observer(), decision.open);
    } catch (error) {
      this.#onFault(error);
    }
  }

  #refuse(connection: SimulatedConnection): void {
    connection.cut();
    connection.leave(REFUSED);
  }
}

function headOf({ path, query, json }: Upgrade): RequestHead {
  return {
    method: 'GET',
    path,
    query: new URLSearchParams(query),
    header: (name) =>
      name === 'sec-websocket-protocol' ? (json ? 'tickwire.v1.json' : 'tickwire.v1') : undefined,
    remoteAddress: 'simulated',
  };
}
