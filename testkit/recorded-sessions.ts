import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The environment variable that names a folder of recorded sessions with exchanges. */
export const FEEDS_VARIABLE = 'TICKWIRE_FEEDS';

/** What came over one WebSocket of an exchange. */
export interface RecordedSession {
  /** Of the file: `OKX.ws.1.0`. */
  readonly name: string;
  /** Its id, by the name of the file; undefined for one that is not known. */
  readonly venue: string | undefined;
  /** Where the recorder connected. */
  readonly url: string;
  /** What the recorder sent. */
  readonly sent: readonly string[];
  readonly messages: readonly RecordedMessage[];
}

export interface RecordedMessage {
  /** When it came, ms since the epoch. */
  readonly receivedAt: number;
  readonly text: string;
}

/**
 * The recorded sessions that the environment names, gzipped files of lines: `URL <-> t`, a
 * connection; `URL <- t: text`, sent; `t: text`, received; `t` in seconds. Undefined when it names
 * none.
 */
export function recordedSessions(): RecordedSession[] | undefined {
  const folder = process.env[FEEDS_VARIABLE];
  if (folder === undefined || folder === '') return undefined;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.gz'))
    .toSorted()
    .map((file) =>
      parseSession(
        file.replace(/\.gz$/, ''),
        gunzipSync(readFileSync(join(folder, file))).toString(),
      ),
    );
}

function parseSession(name: string, text: string): RecordedSession {
  const urls: string[] = [];
  const sent: string[] = [];
  const messages: RecordedMessage[] = [];
  for (const line of text.split('\n')) {
    const [, url, isSent, time, message] = LINE.exec(line) ?? [];
    if (url === undefined && time !== undefined && message !== undefined)
      messages.push({ receivedAt: Number(time) * 1000, text: message });
    else if (url !== undefined && isSent === '<-') sent.push(message ?? '');
    else if (url !== undefined) urls.push(url);
  }
  const venue = FILES.find(([pattern]) => pattern.test(name))?.[1];
  return { name, venue, url: urls[0] ?? '', sent, messages };
}

/** Venues by how the files' names begin. */
const FILES: readonly (readonly [RegExp, string])[] = [
  [/^BINANCE(_US)?\./, 'binance'],
  [/^BINANCE_FUTURES\./, 'binance-futures'],
  [/^COINBASE\./, 'coinbase'],
  [/^KRAKEN\./, 'kraken'],
  [/^OKX\./, 'okx'],
  [/^BYBIT\./, 'bybit-linear'],
  [/^DERIBIT\./, 'deribit'],
  [/^BITSTAMP\./, 'bitstamp'],
  [/^HYPERLIQUID\./, 'hyperliquid'],
];

const LINE = /^(?:(wss?:\S+) (<->?) )?([\d.]+)(?:: (.*))?$/;
