import { readFileSync } from 'node:fs';

/** One write to a socket. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** How long to wait for the server to say something before going on, ms; 0: not at all. */
  readonly waitMs: number;
}

/** How a peer leaves: says so, cuts the connection, or stays and says nothing. */
export type Ending = 'fin' | 'reset' | 'stay';

/** What one connection does. */
export interface PeerScript {
  readonly what: string;
  readonly chunks: readonly Chunk[];
  readonly ending: Ending;
  /** HTTP answers it may get at most, where more would mean that a request was read that none was. */
  readonly answersMax?: number | undefined;
}

/** Connections that are there at the same time. */
export type Script = readonly PeerScript[];

/** What is needed to see a fault again. */
export interface SocketFinding {
  readonly transport: 'node' | 'uws';
  readonly fault: string;
  readonly scripts: readonly Script[];
}

export function findingText(finding: SocketFinding): string {
  return JSON.stringify(
    finding,
    (_key, value: unknown) => (value instanceof Uint8Array ? { base64: base64Of(value) } : value),
    1,
  );
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

export function readFinding(path: string): SocketFinding {
  return JSON.parse(readFileSync(path, 'utf8'), (_key, value: unknown) => {
    const { base64 } = Object(value) as { readonly base64?: unknown };
    return typeof base64 === 'string' ? new Uint8Array(Buffer.from(base64, 'base64')) : value;
  }) as SocketFinding;
}
