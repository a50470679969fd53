/** How a measured value went over time. */
export interface Trend {
  readonly samples: number;
  readonly first: number;
  readonly last: number;
  readonly max: number;
  /** By how much the line through all samples rises from the first to the last of them. */
  readonly rise: number;
}

/** The line of least squares through samples in the order of their times. */
export function trendOf(
  samples: readonly { readonly at: number; readonly value: number }[],
): Trend {
  const n = samples.length;
  const values = samples.map(({ value }) => value);
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  let covariance = 0;
  let variance = 0;
  for (const { at, value } of samples) {
    covariance += (at - meanAt) * (value - mean);
    variance += (at - meanAt) ** 2;
  }
  const spanMs = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  return {
    samples: n,
    first: values[0] ?? 0,
    last: values.at(-1) ?? 0,
    max: Math.max(...values),
    rise: variance === 0 ? 0 : (covariance / variance) * spanMs,
  };
}
