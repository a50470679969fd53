import type { Dialect } from './dialect.ts';
import { binance, binanceFutures } from './dialects/binance.ts';
import { bitstamp } from './dialects/bitstamp.ts';
import { bybit, bybitLinear } from './dialects/bybit.ts';
import { coinbase, coinbaseAdvanced } from './dialects/coinbase.ts';
import { deribit } from './dialects/deribit.ts';
import { hyperliquid } from './dialects/hyperliquid.ts';
import { kraken } from './dialects/kraken.ts';
import { okx } from './dialects/okx.ts';
import { alpaca, massive } from './dialects/stocks.ts';

/** By the id of the venue. */
export const DIALECTS = {
  binance,
  'binance-futures': binanceFutures,
  coinbase,
  'coinbase-advanced': coinbaseAdvanced,
  kraken,
  okx,
  bybit,
  'bybit-linear': bybitLinear,
  deribit,
  bitstamp,
  hyperliquid,
  alpaca,
  massive,
} as const satisfies Record<string, Dialect>;
