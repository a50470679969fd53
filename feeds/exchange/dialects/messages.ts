import type { ClientRequest, ScriptedTrade } from '../dialect.ts';

/** A message of which no field has been checked. */
export type Json = Readonly<Record<string, unknown>>;

/** @throws SyntaxError for what is no JSON object */
export function readObject(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null) return value as Json;
  throw new SyntaxError('no object');
}

export const OTHER: ClientRequest = { kind: 'other' };

/** A time with µs. */
export function rfc3339(ms: number): string {
  const micros = Math.round((ms % 1000) * 1000);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

/** Trades by symbol, of venues with one symbol a message. */
export function bySymbol(trades: readonly ScriptedTrade[]): [string, ScriptedTrade[]][] {
  const groups = new Map<string, ScriptedTrade[]>();
  for (const trade of trades) {
    const group = groups.get(trade.symbol);
    if (group === undefined) groups.set(trade.symbol, [trade]);
    else group.push(trade);
  }
  return [...groups];
}
