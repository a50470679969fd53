/**
 * Which prints of US stocks may set the last price, by their sale conditions.
 *
 * Sources: UTP Plan, "UTP Trade Data Feed Direct Subscriber Interface Specification", consolidated
 * processing; CTA Plan, "CTS Pillar Output Specification", sale conditions; Polygon.io (Massive),
 * "Conditions & Indicators", for the numbers. Codes which those mark "only if it is the first or
 * only trade of the day" (derivatively priced, prior reference price, sold out of sequence) report
 * an earlier price and are left out. So are three that report no trade, whatever they set: official
 * opening and closing prices, and the corrected consolidated close.
 */

/** The letters of both tapes. On tapes A and B (CTA) `B` is an average price. */
const NEVER_LAST = new Set('CGHIMNPQRTUVWZ3479');

/** The tape of Nasdaq-listed stocks (UTP), on which `B` is a bunched trade. */
const UTP_TAPE = 'C';

/** The numbers of the same conditions at Massive, and of cancelled and corrected trades. */
const NEVER_LAST_NUMBERS = new Set([
  2, // average price
  5, // bunched sold
  7, // cash sale
  10, // derivatively priced
  12, // form T
  13, // extended hours, sold out of sequence
  15, // market center official close
  16, // market center official open
  20, // next day
  21, // price variation
  22, // prior reference price
  29, // seller
  32, // sold out
  33, // sold out of sequence
  35, // stock option
  37, // odd lot
  38, // corrected consolidated close
  42, // not eligible
  43, // not eligible, extended
  44, // cancelled
  45, // recovery
  46, // correction
  47, // as of
  48, // as of, correction
  49, // as of, cancelled
  50, // out of bounds
  51, // summary
  52, // contingent
  53, // qualified contingent
  54, // errored
]);

/**
 * Whether a print may set the last price, by the SIPs' letters. No condition is a regular sale.
 *
 * @param conditions such as `["@", "I"]`
 * @param tape `A`, `B` or `C`; unknown counts as A
 */
export function mayBeLast(conditions: readonly unknown[], tape: unknown): boolean {
  return conditions.every(
    (code) => !NEVER_LAST.has(code as string) && (code !== 'B' || tape === UTP_TAPE),
  );
}

/** Whether a print may set the last price, by Massive's numbers. */
export function mayBeLastNumbered(conditions: readonly unknown[]): boolean {
  return conditions.every((code) => !NEVER_LAST_NUMBERS.has(code as number));
}
