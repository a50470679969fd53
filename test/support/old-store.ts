import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const PACKED = {
  1: fileURLToPath(new URL('./store-format-1', import.meta.url)),
  2: fileURLToPath(new URL('./store-format-2', import.meta.url)),
};

/**
 * Lays out a store as an earlier server left it.
 *
 * Format 1: 9 anomalies of SYM-0, raised by ticks of 2020-01-01, and two snapshots, of 6 and 10
 * ticks of SYM-0 and SYM-1 each, of the publisher "feed". Format 2, the last without a journal: a
 * snapshot of 14 ticks of OLD, 13 of QUIET and 13 of JUMPY, which raised 12 anomalies, of the
 * publisher "feed" and 2023-11-14.
 */
export function layOutOldStore(directory: string, format: keyof typeof PACKED = 1): void {
  const packed = PACKED[format];
  mkdirSync(directory);
  for (const name of readdirSync(packed)) {
    const bytes = gunzipSync(readFileSync(join(packed, name)));
    writeFileSync(join(directory, name.replace(/\.gz$/, '')), bytes);
  }
}
