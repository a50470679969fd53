import type { Venue } from '../venue.ts';
import { bybitVenue } from './bybit.ts';

/**
 * Bybit perpetuals and futures in USDT and USDC. Source: "Connect" and "Trade", WebSocket Stream,
 * Bybit API v5.
 *
 * The messages are those of spot: see its table. Ids are UUIDs. Only spot limits the topics of a
 * request; 21 000 characters of topics a connection are the limit of both. Not verified live.
 */
export function bybitLinear(): Venue {
  return {
    ...bybitVenue(100),
    id: 'bybit-linear',
    name: 'Bybit linear',
    url: () => 'wss://stream.bybit.com/v5/public/linear',
  };
}
