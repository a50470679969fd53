/*
 * What the transports do with requests that not every HTTP client sends. The one list of it: the
 * start's log line comes from here, docs/PROXIES.md repeats it, and the conformance suite
 * sends each request to the transport that it runs on.
 */

/** What a peer gets. */
export type Outcome =
  /** Its answer. */
  | 'served'
  /** 400, 431 or 505, at once. */
  | 'refused'
  /** The end of its connection, at once. */
  | 'cut'
  /** Nothing; the connection ends after 10 s (20.30) or 30 s (20.57). */
  | 'silent';

/** A transport; for uws, the generation of its binary. */
export type TransportBuild = 'node' | 'uws 20.57' | 'uws 20.30';

/** A kind of request. */
export interface Ability {
  readonly request: string;
  readonly outcomes: Readonly<Record<TransportBuild, Outcome>>;
}

/** The largest head of a request that is accepted, bytes: the request line and all headers. */
export const HEAD_BYTES_MAX = 16_384;
/** The same before uWebSockets.js 20.57, if the head arrives in several segments. */
const OLD_HEAD_BYTES_MAX = 4096;
/** Header fields that uWebSockets.js accepts, since 20.57 and before. */
export const HEADER_FIELDS_MAX = 98;
export const OLD_HEADER_FIELDS_MAX = 48;

export const ABILITIES: Readonly<Record<string, Ability>> = {
  http10: {
    request: 'requests of HTTP/1.0',
    outcomes: { node: 'served', 'uws 20.57': 'refused', 'uws 20.30': 'silent' },
  },
  absoluteTarget: {
    request: 'a whole URL as the request target',
    outcomes: { node: 'served', 'uws 20.57': 'refused', 'uws 20.30': 'silent' },
  },
  noHost: {
    request: 'requests without Host',
    outcomes: { node: 'refused', 'uws 20.57': 'refused', 'uws 20.30': 'silent' },
  },
  malformed: {
    request: 'malformed header fields',
    outcomes: { node: 'refused', 'uws 20.57': 'refused', 'uws 20.30': 'silent' },
  },
  emptyLine: {
    request: 'an empty line before a request',
    outcomes: { node: 'served', 'uws 20.57': 'silent', 'uws 20.30': 'silent' },
  },
  someFields: {
    request: `more than ${OLD_HEADER_FIELDS_MAX} header fields`,
    outcomes: { node: 'served', 'uws 20.57': 'served', 'uws 20.30': 'silent' },
  },
  manyFields: {
    request: `more than ${HEADER_FIELDS_MAX} header fields`,
    outcomes: { node: 'served', 'uws 20.57': 'refused', 'uws 20.30': 'silent' },
  },
  largeHead: {
    request: `a head above ${OLD_HEAD_BYTES_MAX} bytes in several segments`,
    outcomes: { node: 'served', 'uws 20.57': 'served', 'uws 20.30': 'cut' },
  },
  hugeHead: {
    request: `a head above ${HEAD_BYTES_MAX} bytes`,
    outcomes: { node: 'refused', 'uws 20.57': 'refused', 'uws 20.30': 'cut' },
  },
};

/** The build with the abilities of a version. Those between the two that were tried get fewer. */
export function uwsBuild(version: string): Exclude<TransportBuild, 'node'> {
  return compareVersions(version, '20.57') >= 0 ? 'uws 20.57' : 'uws 20.30';
}

/** Negative if `a` is older than `b`. Compares numbers only: 20.30.0-unofficial.0 is 20.30.0. */
export function compareVersions(a: string, b: string): number {
  const [ours, theirs] = [a, b].map((text) => text.split('-', 1).join('').split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (ours?.[i] ?? 0) - (theirs?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a build does worse than `node`, as the rest of a sentence. */
export function limitation(build: Exclude<TransportBuild, 'node'>): string {
  const worse = Object.values(ABILITIES).filter(
    ({ outcomes }) => outcomes[build] !== outcomes.node,
  );
  return VERBS.flatMap(([outcome, verb]) => {
    const requests = worse.filter(({ outcomes }) => outcomes[build] === outcome);
    return requests.length === 0
      ? []
      : [`${verb} ${requests.map(({ request }) => request).join(', ')}`];
  }).join('; ');
}

const VERBS = [
  ['silent', 'leaves unanswered'],
  ['cut', 'cuts off'],
  ['refused', 'refuses'],
] as const;
