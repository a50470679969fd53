import type { SegmentFiles } from './segment-files.ts';

/** What is kept beyond what recovery needs. Both limits hold. */
export interface Retention {
  /** Segments written to within this time, ms; 0: however long ago. */
  readonly ageMs: number;
  /** Of all segments, bytes; 0: nothing. */
  readonly bytes: number;
}

/**
 * Removes the oldest segments that nobody wants. The last one stays.
 *
 * @param neededFrom recovery needs the entries from here on
 * @returns the start of the oldest segment left
 */
export function removeSegments(
  files: SegmentFiles,
  { ageMs, bytes }: Retention,
  neededFrom: number,
  now = Date.now(),
): number {
  const segments = files.list();
  const end = segments.at(-1)?.start ?? 0;
  for (const [index, { start, name }] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || next.start > neededFrom) return start;
    const isYoung = ageMs === 0 || now - files.writtenAt(name) < ageMs;
    if (isYoung && end - start <= bytes) return start;
    files.remove(name);
  }
  return end;
}
