import type { VenueFactory } from '../venue.ts';

/** Every venue that a feed can name, by id. */
export const VENUES: ReadonlyMap<string, VenueFactory> = new Map<string, VenueFactory>([]);
