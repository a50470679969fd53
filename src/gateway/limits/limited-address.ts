const GROUPS = 8;
/** Half of an IPv6 address: the network, of which one client commonly has all addresses. */
const NETWORK_GROUPS = 4;

/**
 * What limits for each address go by: an IPv4 address itself, and of an IPv6 address its /64. Whoever has one address of a
 * /64 commonly has them all, and would never run into a limit that counted them one by one.
 *
 * @param address as a transport tells it; empty where it is not known
 */
export function limitedAddress(address: string): string {
  if (!address.includes(':')) return address;
  const [text = ''] = address.split('%');
  const [before = '', after] = text.split('::');
  const head = groupsOf(before);
  const tail = after === undefined ? [] : groupsOf(after);
  const zeros = Array.from({ length: GROUPS - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

/** Groups as they are written shortest; an IPv4 address at the end stands for two. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    return group.includes('.') ? ['', ''] : [Number.parseInt(group, 16).toString(16)];
  });
}
