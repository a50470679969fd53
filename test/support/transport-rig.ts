import { afterEach } from 'vitest';
import type {
  HttpRequest,
  HttpResponse,
  RequestHead,
  Socket,
  SocketHandler,
  StartTransport,
  Transport,
  TransportHandlers,
  TransportOptions,
  UpgradeDecision,
} from '../../src/gateway/transport/transport.ts';
import { until } from '../../testkit/until.ts';
import { isSecure } from './tls.ts';
import { OPTIONS } from './transport-options.ts';

/** A session's reactions, set by each test; all calls are recorded. */
export interface Behavior {
  open?: (session: RecordingSession) => void;
  message?: (session: RecordingSession, data: Uint8Array | string) => void;
  drain?: (session: RecordingSession) => void;
  pong?: (session: RecordingSession) => void;
  close?: (session: RecordingSession) => void;
  upgrade?: (head: RequestHead) => UpgradeDecision | undefined;
  request?: (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;
}

/** A connection as the gateway sees it: its socket, and every call in order. */
export class RecordingSession implements SocketHandler {
  readonly socket: Socket;
  readonly path: string;
  readonly calls: string[] = [];
  /** Marks of the pongs. */
  readonly marks: number[] = [];
  drains = 0;
  closeCode: number | null = null;
  readonly #behavior: Behavior;

  constructor(socket: Socket, path: string, behavior: Behavior) {
    this.socket = socket;
    this.path = path;
    this.#behavior = behavior;
  }

  message(data: Uint8Array | string): void {
    this.calls.push('message');
    this.#behavior.message?.(this, data);
  }

  drain(): void {
    this.calls.push('drain');
    this.drains++;
    this.#behavior.drain?.(this);
  }

  pong(mark: number): void {
    this.calls.push('pong');
    this.marks.push(mark);
    this.#behavior.pong?.(this);
  }

  close(code: number): void {
    this.calls.push('close');
    this.closeCode = code;
    this.#behavior.close?.(this);
  }
}

/** A running transport with recording handlers. */
export class TransportRig {
  readonly transport: Transport;
  readonly sessions: RecordingSession[];
  readonly faults: unknown[];

  private constructor(transport: Transport, sessions: RecordingSession[], faults: unknown[]) {
    this.transport = transport;
    this.sessions = sessions;
    this.faults = faults;
  }

  static async start(
    start: StartTransport,
    behavior: Behavior = {},
    options: TransportOptions = OPTIONS,
  ): Promise<TransportRig> {
    const sessions: RecordingSession[] = [];
    const faults: unknown[] = [];
    const handlers: TransportHandlers = {
      upgrade: (head) => behavior.upgrade?.(head) ?? accept(head, behavior, sessions),
      request: (request) => behavior.request?.(request) ?? text(404, 'no such thing'),
      fault: (error) => {
        faults.push(error);
      },
    };
    return new TransportRig(await start(options, handlers), sessions, faults);
  }

  get port(): number {
    return this.transport.port;
  }

  url(path: string): string {
    const scheme = isSecure(this.port) ? 'https' : 'http';
    return `${scheme}://127.0.0.1:${this.port}${path}`;
  }

  async session(path: string): Promise<RecordingSession> {
    await until(() => this.sessions.some((session) => session.path === path), `session ${path}`);
    return this.sessions.find((session) => session.path === path) as RecordingSession;
  }
}

function accept(
  head: RequestHead,
  behavior: Behavior,
  sessions: RecordingSession[],
): UpgradeDecision {
  const offered = (head.header('sec-websocket-protocol') ?? '').split(/\s*,\s*/);
  return {
    accept: true,
    subprotocol: offered.find((name) => name.startsWith('tickwire.')) ?? '',
    open: (socket) => {
      const session = new RecordingSession(socket, head.path, behavior);
      sessions.push(session);
      behavior.open?.(session);
      return session;
    },
  };
}

export function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body };
}

export type StartRig = (
  behavior?: Behavior,
  options?: Partial<TransportOptions>,
) => Promise<TransportRig>;

/** Starts rigs for a suite and closes each test's after it. */
export function rigs(start: StartTransport): StartRig {
  const running: TransportRig[] = [];
  afterEach(() => {
    for (const rig of running.splice(0)) rig.transport.close();
  });
  return async (behavior = {}, options = {}) => {
    const rig = await TransportRig.start(start, behavior, { ...OPTIONS, ...options });
    running.push(rig);
    return rig;
  };
}
