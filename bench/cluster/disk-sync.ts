import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spreadOf } from '../report/results.ts';

const WRITES = 100;
const WRITE_BYTES = 4096;

/**
 * How long a write takes until the disk has it, ms: what a broker that syncs each message waits
 * for. Where brokers keep their logs, too.
 */
export function diskSyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'tickwire-bench-'));
  const file = openSync(join(folder, 'sync'), 'w');
  const bytes = Buffer.alloc(WRITE_BYTES);
  try {
    const times = Array.from({ length: WRITES }, () => {
      const from = performance.now();
      writeSync(file, bytes);
      fdatasyncSync(file);
      return performance.now() - from;
    });
    return spreadOf(times).median;
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}
