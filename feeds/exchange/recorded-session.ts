import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** A message that a venue once sent. */
export interface RecordedMessage {
  /** When it came, ms since the Unix epoch. */
  readonly at: number;
  readonly text: string;
}

/** What a recorder of WebSocket sessions wrote down. */
export interface RecordedSession {
  /** Where it connected, once an address. */
  readonly urls: readonly string[];
  /** What it sent to the venue. */
  readonly sent: readonly string[];
  readonly messages: readonly RecordedMessage[];
}

const CONNECTED = /^(wss?:\/\/\S+) <-> [\d.]+$/;
const SENT = /^wss?:\/\/\S+ <- [\d.]+: (.*)$/s;
const RECEIVED = /^([\d.]+): (.*)$/s;

/**
 * Reads a session, gzipped where the name ends in `.gz`. Its lines: `URL <-> t`, a connection was
 * made; `URL <- t: text`, what was sent; `t: text`, what came (t: seconds since the Unix epoch).
 *
 * @throws Error naming the line that is none of these
 */
export function readSession(path: string): RecordedSession {
  const bytes = readFileSync(path);
  const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n');
  const urls = new Set<string>();
  const sent: string[] = [];
  const messages: RecordedMessage[] = [];
  for (const [at, line] of lines.entries()) {
    if (line === '') continue;
    const connected = CONNECTED.exec(line)?.[1];
    const request = SENT.exec(line)?.[1];
    const received = RECEIVED.exec(line);
    if (connected !== undefined) urls.add(connected);
    else if (request !== undefined) sent.push(request);
    else if (received?.[1] !== undefined && received[2] !== undefined) {
      messages.push({ at: Number(received[1]) * 1000, text: received[2] });
    } else throw new Error(`${path}:${at + 1}: not a line of a session`);
  }
  return { urls: [...urls], sent, messages };
}
