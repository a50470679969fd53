import { isWildcard } from '../../../src/protocol/index.ts';
import type { Interest, SubscribeGroup } from './subscriptions.ts';

/** Options of SUBSCRIBE that say where to go on. */
export const SINCE_OPTIONS = ['since', 'alertsSince'] as const;

type Points<PerSymbol> = { readonly [Option in (typeof SINCE_OPTIONS)[number]]: PerSymbol };

/** Symbol → last sequence seen, of anomalies and of alerts. */
export type ResumePoints = Points<ReadonlyMap<string, number>>;
export type SomeResumePoints = Partial<Points<ReadonlyMap<string, number> | undefined>>;

export function noResumePoints(): Points<Map<string, number>> {
  return { since: new Map(), alertsSince: new Map() };
}

/** The content of one SUBSCRIBE frame. */
export interface SubscribeRequest {
  readonly interest: Interest;
  readonly patterns: readonly string[];
  readonly resume: ResumePoints;
}

/** Most bytes around a string, and of the number after it. */
const OVERHEAD_BYTES = 16;

/**
 * Splits subscriptions into requests that fit the server's frames: one for each set of options,
 * unless it is very large. Resume points go with the pattern that covers the symbol. Those that do
 * not fit are left out: the gap is noticed and filled at that symbol's next anomaly or alert.
 *
 * @param bytesMax size limit of a request
 */
export function subscribeRequests(
  groups: readonly SubscribeGroup[],
  resume: ResumePoints,
  bytesMax: number,
): SubscribeRequest[] {
  return groups.flatMap(({ interest, patterns }) => {
    const wanted = { since: interest.anomalies, alertsSince: interest.alerts };
    const options = SINCE_OPTIONS.filter((option) => wanted[option]);
    const requests: SubscribeRequest[] = [];
    let request = emptyRequest(interest);
    let bytes = 0;
    for (const pattern of [...patterns].sort(
      (a, b) => Number(isWildcard(a)) - Number(isWildcard(b)),
    )) {
      const held = options.filter((option) => resume[option].has(pattern));
      const size = bytesOf(pattern) * (1 + held.length);
      if (bytes + size > bytesMax) {
        requests.push(request);
        request = emptyRequest(interest);
        bytes = 0;
      }
      bytes += size;
      request.patterns.push(pattern);
      for (const option of held) {
        request.resume[option].set(pattern, resume[option].get(pattern) as number);
      }
    }
    // Wildcards come last, so what they cover resumes with the last request.
    if (request.patterns.some(isWildcard)) {
      for (const option of options) {
        for (const [symbol, sequence] of resume[option]) {
          bytes += bytesOf(symbol);
          if (bytes > bytesMax) break;
          request.resume[option].set(symbol, sequence);
        }
      }
    }
    requests.push(request);
    return requests;
  });
}

function emptyRequest(interest: Interest) {
  return { interest, patterns: [] as string[], resume: noResumePoints() };
}

// UTF-8 takes at most three bytes a UTF-16 unit.
function bytesOf(text: string): number {
  return OVERHEAD_BYTES + (/^[ -~]*$/.test(text) ? 1 : 3) * text.length;
}
