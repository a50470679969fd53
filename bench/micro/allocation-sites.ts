import { type HeapProfiler, Session } from 'node:inspector/promises';
import { basename } from 'node:path';
import { type Case, WARM_UP_MS_MIN, warmUp } from './case.ts';

export interface AllocationSite {
  readonly place: string;
  /** Bytes an operation. */
  readonly bytes: number;
}

const SAMPLING_INTERVAL_BYTES = 4096;
const BYTES_MIN = 0.1;

/**
 * Functions that allocate while a case runs, most first, by samples; includes what was collected.
 */
export async function allocationSites(
  measured: Case,
  timeMs: number,
): Promise<readonly AllocationSite[]> {
  warmUp(measured, Math.max(timeMs, WARM_UP_MS_MIN));
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: SAMPLING_INTERVAL_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  const operations = warmUp(measured, timeMs) * measured.operations;
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  const bytesByPlace = new Map<string, number>();
  addSizes(profile.head, '', bytesByPlace);
  return [...bytesByPlace]
    .map(([place, bytes]) => ({ place, bytes: bytes / operations }))
    .filter(({ bytes }) => bytes >= BYTES_MIN)
    .sort((a, b) => b.bytes - a.bytes);
}

function addSizes(
  { callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode,
  caller: string,
  into: Map<string, number>,
): void {
  const { functionName, url, lineNumber } = callFrame;
  if (functionName === 'prepare') return;
  // A built-in is named by its caller.
  const where = url === '' ? `for ${caller}` : `${basename(url)}:${lineNumber + 1}`;
  const place = `${functionName || '(anonymous)'} ${where}`;
  into.set(place, (into.get(place) ?? 0) + selfSize);
  for (const child of children) addSizes(child, place, into);
}
