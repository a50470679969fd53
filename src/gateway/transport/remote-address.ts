const MAPPED_PREFIX = '::ffff:';

/**
 * The address as people write it: an IPv4 address that arrived on an IPv6 socket stands as IPv4.
 */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith(MAPPED_PREFIX) && address.includes('.')
    ? address.slice(MAPPED_PREFIX.length)
    : address;
}
