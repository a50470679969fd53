/*
 * The part of uWebSockets.js that is used here, and that every version we load has. Own types: the
 * package is optional, and importing its types would break the build where it is not installed.
 */

export interface UwsWebSocket<UserData> {
  /** Our own property: the native object is the same in every call. */
  kept?: UserData;
  /**
   * Returns 1: sent, 0: buffered, 2: dropped. Throws on a closed socket, as every method here does.
   */
  send(message: Uint8Array | string, isBinary: boolean): number;
  getBufferedAmount(): number;
  ping(payload?: Uint8Array): number;
  /** Calls the `close` handler before it returns. */
  end(code: number, reason: string): void;
  /** Calls the `close` handler before it returns. */
  close(): void;
  cork(work: () => void): unknown;
  /** Works in the `close` handler too. */
  getUserData(): UserData;
}

export interface UwsRequest {
  /** In lower case. */
  getMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  getHeader(name: string): string;
  forEach(each: (name: string, value: string) => void): void;
}

export interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  end(body?: Uint8Array | string, closeConnection?: boolean): UwsResponse;
  /** A chunk of a body whose length is not known. Returns false if it was buffered. */
  write(chunk: Uint8Array | string): boolean;
  /** Called once the kernel has taken all that was buffered. */
  onWritable(writable: (offset: number) => boolean): UwsResponse;
  endWithoutBody(): UwsResponse;
  cork(work: () => void): UwsResponse;
  close(): UwsResponse;
  onAborted(aborted: () => void): UwsResponse;
  onData(data: (chunk: ArrayBuffer, isLast: boolean) => void): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  upgrade<UserData>(
    userData: UserData,
    key: string,
    protocol: string,
    extensions: string,
    context: unknown,
  ): void;
}

export interface UwsBehavior<UserData> {
  compression: number;
  maxPayloadLength: number;
  maxBackpressure: number;
  closeOnBackpressureLimit: boolean;
  idleTimeout: number;
  maxLifetime: number;
  sendPingsAutomatically: boolean;
  upgrade(response: UwsResponse, request: UwsRequest, context: unknown): void;
  open(ws: UwsWebSocket<UserData>): void;
  message(ws: UwsWebSocket<UserData>, data: ArrayBuffer, isBinary: boolean): void;
  drain(ws: UwsWebSocket<UserData>): void;
  /** `payload`: valid during the call only. */
  pong(ws: UwsWebSocket<UserData>, payload: ArrayBuffer): void;
  /** `reason`: from the side that closed, UTF-8; valid during the call only. */
  close(ws: UwsWebSocket<UserData>, code: number, reason: ArrayBuffer): void;
}

export interface UwsApp {
  ws<UserData>(pattern: string, behavior: UwsBehavior<UserData>): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  listen(
    host: string,
    port: number,
    options: number,
    listening: (socket: UwsListenSocket | false) => void,
  ): UwsApp;
  close(): UwsApp;
}

/** A native pointer. */
export type UwsListenSocket = object;

export interface UwsModule {
  App(): UwsApp;
  /** Supports TLS 1.2 and 1.3. Reads the files; throws if it cannot use them. */
  readonly SSLApp?: (options: {
    readonly cert_file_name: string;
    readonly key_file_name: string;
    /** For TLS 1.2. */
    readonly ssl_ciphers: string;
  }) => UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
}
