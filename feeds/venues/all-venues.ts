import type { VenueFactory } from '../venue.ts';
import { alpaca } from './alpaca.ts';
import { binance } from './binance.ts';
import { binanceFutures } from './binance-futures.ts';
import { bitstamp } from './bitstamp.ts';
import { bybit } from './bybit.ts';
import { bybitLinear } from './bybit-linear.ts';
import { coinbase } from './coinbase.ts';
import { coinbaseAdvanced } from './coinbase-advanced.ts';
import { deribit } from './deribit.ts';
import { hyperliquid } from './hyperliquid.ts';
import { kraken } from './kraken.ts';
import { massive } from './massive.ts';
import { okx } from './okx.ts';

/** Every venue that a feed can name, by id. */
export const VENUES: ReadonlyMap<string, VenueFactory> = new Map<string, VenueFactory>([
  ['binance', binance],
  ['binance-futures', binanceFutures],
  ['coinbase', coinbase],
  ['coinbase-advanced', coinbaseAdvanced],
  ['kraken', kraken],
  ['okx', okx],
  ['bybit', bybit],
  ['bybit-linear', bybitLinear],
  ['deribit', deribit],
  ['bitstamp', bitstamp],
  ['hyperliquid', hyperliquid],
  ['alpaca', alpaca],
  ['massive', massive],
]);
