import type { Bus } from './bus.ts';
import type { ClusterNames } from './names.ts';

/** Age at which ticks are removed from logs, ms: snapshots are far younger. */
const TICKS_AGE_MS = 24 * 3_600_000;
/** Anomalies, and alerts, kept of each symbol. */
export const OUTPUTS_MAX = 1024;

/** Makes sure that the logs of a cluster exist. */
export async function openLogs(bus: Bus, names: ClusterNames): Promise<void> {
  for (const [name, subjects] of names.tickLogs()) {
    await bus.openLog({ name, subjects, perSubjectMax: 0, ageMaxMs: TICKS_AGE_MS });
  }
  await bus.openLog({
    name: names.outputLog,
    subjects: [names.outputs],
    perSubjectMax: OUTPUTS_MAX,
    ageMaxMs: 0,
  });
  await bus.openLog({
    name: names.snapshotLog,
    subjects: [names.snapshots],
    perSubjectMax: 1,
    ageMaxMs: 0,
  });
}
