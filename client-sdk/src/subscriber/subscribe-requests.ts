import { isWildcard } from '../../../src/protocol/index.ts';
import type { SubscribeGroup, Wants } from './subscriptions.ts';

/** One SUBSCRIBE frame's worth. */
export interface SubscribeRequest {
  readonly wants: Wants;
  readonly patterns: readonly string[];
  readonly since: ReadonlyMap<string, number>;
}

/** Bytes around a text and the number behind it, at most. */
const OVERHEAD_BYTES = 16;

/**
 * Splits what is to be subscribed into requests that fit the server's frames: one for each set of
 * options, unless it is very large. Where to resume anomalies goes with the pattern that covers the
 * symbol; what finds no room is left out, as the gap is noticed and filled when the next anomaly of
 * that symbol comes.
 *
 * @param since symbol → last anomaly sequence seen
 * @param bytesMax of one request
 */
export function subscribeRequests(
  groups: readonly SubscribeGroup[],
  since: ReadonlyMap<string, number>,
  bytesMax: number,
): SubscribeRequest[] {
  return groups.flatMap(({ wants, patterns }) => {
    const resumed = wants.anomalies ? since : new Map<string, number>();
    const requests: SubscribeRequest[] = [];
    let request = { wants, patterns: [] as string[], since: new Map<string, number>() };
    let bytes = 0;
    for (const pattern of [...patterns].sort(
      (a, b) => Number(isWildcard(a)) - Number(isWildcard(b)),
    )) {
      const sequence = resumed.get(pattern);
      const size = bytesOf(pattern) * (sequence === undefined ? 1 : 2);
      if (bytes + size > bytesMax) {
        requests.push(request);
        request = { wants, patterns: [], since: new Map() };
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

// UTF-8 takes at most three bytes for a UTF-16 unit.
function bytesOf(text: string): number {
  return OVERHEAD_BYTES + (/^[ -~]*$/.test(text) ? 1 : 3) * text.length;
}
