import { isWildcard } from '../../../src/protocol/index.ts';
import type { Interest, SubscribeGroup } from './subscriptions.ts';

/** The content of one SUBSCRIBE frame. */
export interface SubscribeRequest {
  readonly interest: Interest;
  readonly patterns: readonly string[];
  readonly since: ReadonlyMap<string, number>;
}

/** Most bytes around a string, and of the number after it. */
const OVERHEAD_BYTES = 16;

/**
 * Splits subscriptions into requests that fit the server's frames: one for each set of options,
 * unless it is very large. Resume points go with the pattern that covers the symbol. Those that do
 * not fit are left out: the gap is noticed and filled at that symbol's next anomaly.
 *
 * @param since symbol → last anomaly sequence seen
 * @param bytesMax size limit of a request
 */
export function subscribeRequests(
  groups: readonly SubscribeGroup[],
  since: ReadonlyMap<string, number>,
  bytesMax: number,
): SubscribeRequest[] {
  return groups.flatMap(({ interest, patterns }) => {
    const resumed = interest.anomalies ? since : new Map<string, number>();
    const requests: SubscribeRequest[] = [];
    let request = { interest, patterns: [] as string[], since: new Map<string, number>() };
    let bytes = 0;
    for (const pattern of [...patterns].sort(
      (a, b) => Number(isWildcard(a)) - Number(isWildcard(b)),
    )) {
      const sequence = resumed.get(pattern);
      const size = bytesOf(pattern) * (sequence === undefined ? 1 : 2);
      if (bytes + size > bytesMax) {
        requests.push(request);
        request = { interest, patterns: [], since: new Map() };
        bytes = 0;
      }
      bytes += size;
      request.patterns.push(pattern);
      if (sequence !== undefined) request.since.set(pattern, sequence);
    }
    // Wildcards come last, so what they cover resumes with the last request.
    if (request.patterns.some(isWildcard)) {
      for (const [symbol, sequence] of resumed) {
        bytes += bytesOf(symbol);
        if (bytes > bytesMax) break;
        request.since.set(symbol, sequence);
      }
    }
    requests.push(request);
    return requests;
  });
}

// UTF-8 takes at most three bytes a UTF-16 unit.
function bytesOf(text: string): number {
  return OVERHEAD_BYTES + (/^[ -~]*$/.test(text) ? 1 : 3) * text.length;
}
