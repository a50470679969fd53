/**
 * The honest baseline: what a good engineer writes in an afternoon with uWebSockets.js and
 * msgpackr. One thread decodes a frame, applies its ticks in order, and publishes each symbol's
 * statistics natively. It speaks enough of Tickwire's protocol for the same clients, without
 * acknowledgements, credit, deltas, conflation and recovery. With the argument `heard-only` it
 * skips publishing to nobody.
 */
import { Packr, Unpackr } from 'msgpackr';
import { InlineSymbol } from './inline-symbol.ts';
import {
  loadNative,
  type NativeApp,
  type NativeSession,
  type NativeSocket,
  serveNative,
} from './native-server.ts';

const Op = {
  ALIAS: 2,
  TICKS: 3,
  SUBSCRIBE: 4,
  SUBSCRIBED: 19,
  STATS: 20,
  ANOMALY: 21,
  SYMBOLS: 22,
} as const;

type ClientFrame =
  | [op: typeof Op.ALIAS, firstAlias: number, names: string[]]
  | [op: typeof Op.TICKS, sequence: number, values: (number | string | null)[]]
  | [op: typeof Op.SUBSCRIBE, requestId: number, names: string[]];

/** All fields, absolute. */
const FULL_ENTRY = 127;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

const uws = loadNative();
const app = uws.App() as NativeApp;
const symbols = new Map<string, InlineSymbol>();
const isHeardOnly = process.argv.includes('heard-only');
let processed = 0;

function symbolOf(name: string): InlineSymbol {
  let symbol = symbols.get(name);
  if (symbol === undefined) {
    symbol = new InlineSymbol(symbols.size, name);
    symbols.set(name, symbol);
  }
  return symbol;
}

/** Applies a valid tick and publishes it; ignores an invalid one. */
function take(symbol: InlineSymbol, price: number, time: number, now: number): void {
  if (!(price > 0 && price < Number.POSITIVE_INFINITY && time >= 0)) return;
  const anomalies = symbol.apply(price, time);
  processed++;
  if (isHeardOnly && symbol.subscribers === 0) return;
  const { id, average, count, min, max } = symbol;
  const entry = [id, FULL_ENTRY, symbol.price, average, count, symbol.time, min, max];
  app.publish(symbol.name, packr.pack([Op.STATS, now, entry]), true);
  if (anomalies === undefined) return;
  const tuples = anomalies.map((anomaly) => {
    const { sequence, direction, reference, changePercent } = anomaly;
    return [id, sequence, direction, reference, anomaly.price, changePercent, anomaly.time];
  });
  app.publish(symbol.name, packr.pack([Op.ANOMALY, now, tuples]), true);
}

class Session implements NativeSession {
  readonly #aliases: InlineSymbol[] = [];
  readonly #subscriptions = new Set<InlineSymbol>();

  message(socket: NativeSocket, data: ArrayBuffer): void {
    const frame = unpackr.unpack(new Uint8Array(data)) as ClientFrame;
    if (frame[0] === Op.TICKS) this.#takeTicks(frame[2]);
    else if (frame[0] === Op.ALIAS) this.#declare(frame[1], frame[2]);
    else if (frame[0] === Op.SUBSCRIBE) this.#subscribe(socket, frame[1], frame[2]);
  }

  close(): void {
    for (const symbol of this.#subscriptions) symbol.subscribers--;
  }

  #takeTicks(values: (number | string | null)[]): void {
    const now = Date.now();
    for (let i = 0; i < values.length; i += 3) {
      const name = values[i] as number | string;
      const symbol = typeof name === 'number' ? this.#aliases[name] : symbolOf(name);
      if (symbol !== undefined) {
        take(symbol, values[i + 1] as number, (values[i + 2] as number | null) ?? now, now);
      }
    }
  }

  #declare(firstAlias: number, names: string[]): void {
    names.forEach((name, index) => {
      this.#aliases[firstAlias + index] = symbolOf(name);
    });
  }

  #subscribe(socket: NativeSocket, requestId: number, names: string[]): void {
    const idsAndNames: (number | string)[] = [];
    for (const name of names) {
      const symbol = symbolOf(name);
      if (!this.#subscriptions.has(symbol)) {
        socket.subscribe(name);
        symbol.subscribers++;
        this.#subscriptions.add(symbol);
      }
      idsAndNames.push(symbol.id, name);
    }
    socket.send(packr.pack([Op.SYMBOLS, idsAndNames]), true);
    socket.send(packr.pack([Op.SUBSCRIBED, requestId, names.map(() => 0), {}]), true);
  }
}

serveNative(uws, app, { openSession: () => new Session(), processed: () => processed });
