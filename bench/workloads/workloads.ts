import { fanOut } from './fan-out.ts';
import { ingest } from './ingest.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { recordedWith } from './recorded.ts';
import type { WorkloadGroup } from './workload.ts';

/**
 * All workloads in report order.
 *
 * @param ticks a file of recorded ticks
 */
export function workloadsWith(ticks: string | undefined): readonly WorkloadGroup[] {
  return [ingest, fanOut, latency, recordedWith(ticks), memory];
}
