import type { SubscribeFrame, VenueEvent } from '../../venue.ts';

/**
 * The messages that subscribe to symbols, so many in each.
 *
 * @param write the text of one message
 */
export function framesOf(
  symbols: readonly string[],
  symbolsPerFrame: number,
  firstRequestId: number,
  write: (symbols: readonly string[], requestId: number) => unknown,
): SubscribeFrame[] {
  const frames: SubscribeFrame[] = [];
  for (let at = 0; at < symbols.length; at += symbolsPerFrame) {
    const part = symbols.slice(at, at + symbolsPerFrame);
    const requestId = firstRequestId + frames.length;
    frames.push({ text: JSON.stringify(write(part, requestId)), symbols: part, requestId });
  }
  return frames;
}

/** The number of a request that a venue repeats, as a number or its text. */
export function requestIdOf(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined;
}

/** A confirmation of symbols; of none, the message is of other channels. */
export function subscribed(symbols: readonly string[], requestId?: number): VenueEvent {
  if (requestId !== undefined) return { kind: 'subscribed', symbols, requestId };
  return symbols.length > 0 ? { kind: 'subscribed', symbols } : { kind: 'ignored' };
}

/** What is known of a refusal. */
export interface Refusal {
  readonly reason: string;
  /** The one to blame. */
  readonly symbol?: string | undefined;
  readonly requestId?: number | undefined;
  /** See `VenueEvent`. */
  readonly wholeRequest?: boolean;
  /** See `VenueEvent`. */
  readonly retryAfterMs?: number | undefined;
}

export function refused(refusal: Refusal): VenueEvent {
  const { reason, symbol, requestId, wholeRequest, retryAfterMs } = refusal;
  return {
    kind: 'refused',
    ...(symbol !== undefined && { symbols: [symbol] }),
    ...(requestId !== undefined && { requestId }),
    ...(symbol !== undefined && wholeRequest === true && { wholeRequest }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    reason,
  };
}
