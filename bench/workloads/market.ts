import type { Market } from '../wires/wire.ts';

/** A market of so many symbols, with names of equal length. */
export function marketOf(symbols: number): Market {
  return {
    symbols: Array.from({ length: symbols }, (_, i) => `SYM-${String(i).padStart(6, '0')}`),
  };
}
