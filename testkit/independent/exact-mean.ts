/*
 * Means of doubles in whole numbers: the yardstick of running sums.
 */

/**
 * The mean of positive doubles with one rounding, at the end, to the nearest double, ties to even:
 * the sum is kept as a whole number of 2^-1074, the unit of which every double is a multiple.
 */
export function exactMean(prices: readonly number[]): number {
  let sum = 0n;
  for (const price of prices) sum += unitsOf(price);
  const count = BigInt(prices.length);
  const bits = (sum / count).toString(2).length;
  const spareBits = BigInt(Math.max(0, bits - 53));
  const unit = count << spareBits;
  let quotient = sum / unit;
  const twiceRest = 2n * (sum % unit);
  if (twiceRest > unit || (twiceRest === unit && (quotient & 1n) === 1n)) quotient++;
  return toDouble(quotient << spareBits);
}

/** How many doubles apart two positive doubles are; infinite where one is not a finite number. */
export function ulpsBetween(a: number, b: number): number {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
  const distance = bitsOf(a) - bitsOf(b);
  return Number(distance < 0n ? -distance : distance);
}

const view = new DataView(new ArrayBuffer(8));

function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigInt64(0);
}

/** A positive double in units of 2^-1074. */
export function unitsOf(value: number): bigint {
  const bits = bitsOf(value);
  const exponent = bits >> 52n;
  const fraction = BigInt.asUintN(52, bits);
  return exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
}

/** The double of so many units, which has at most 53 significant bits. */
function toDouble(units: bigint): number {
  const bits = units.toString(2).length;
  if (bits <= 53) return Number(units) * Number.MIN_VALUE;
  const exponent = BigInt(bits - 52);
  view.setBigUint64(0, (exponent << 52n) | BigInt.asUintN(52, units >> (exponent - 1n)));
  return view.getFloat64(0);
}
