import type { Venue, VenueEvent, VenueOptions } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';

/** A venue as a feed would use it. */
export function venueOf(id: string, options: Partial<VenueOptions> = {}): Venue {
  const factory = VENUES.get(id);
  if (factory === undefined) throw new Error(`no venue ${id}`);
  return factory({ price: 'trade', conditions: 'last-eligible', ...options });
}

/** What a message says: text, bytes, or a value to be sent as JSON. */
export function eventsOf(venue: Venue, message: unknown): VenueEvent[] {
  const events: VenueEvent[] = [];
  const raw =
    typeof message === 'string' || message instanceof Uint8Array
      ? message
      : JSON.stringify(message);
  venue.parse(raw, (event) => events.push(event));
  return events;
}
