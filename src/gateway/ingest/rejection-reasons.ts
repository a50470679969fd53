import { ErrorCode } from '../../protocol/index.ts';

/** Why the intake may reject a tick. */
export const REJECTION_REASONS = [
  'bad_symbol',
  'bad_price',
  'bad_time',
  'unknown_alias',
  'symbol_limit',
  'forbidden',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** Rejected ticks by the name of the reason: every reason there is, also those that never came. */
export function rejectedByReason(
  rejected: ReadonlyMap<ErrorCode, number>,
): Record<RejectionReason, number> {
  const count = (reason: RejectionReason) => rejected.get(ErrorCode[reason]) ?? 0;
  return Object.fromEntries(REJECTION_REASONS.map((reason) => [reason, count(reason)])) as Record<
    RejectionReason,
    number
  >;
}
