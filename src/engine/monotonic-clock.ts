/**
 * Milliseconds with fractions on a clock that never goes back and is the same in every thread of the process (the
 * origin of `performance.now` differs from worker to worker).
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
