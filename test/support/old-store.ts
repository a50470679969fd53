import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const PACKED = fileURLToPath(new URL('./store-format-1', import.meta.url));

/**
 * Lays out a store as a server of format 1 left it: 9 anomalies of SYM-0, raised by ticks of
 * 2020-01-01, and two snapshots, of 6 and 10 ticks of SYM-0 and SYM-1 each, of the publisher
 * "feed".
 */
export function layOutOldStore(directory: string): void {
  mkdirSync(directory);
  for (const name of readdirSync(PACKED)) {
    const bytes = gunzipSync(readFileSync(join(PACKED, name)));
    writeFileSync(join(directory, name.replace(/\.gz$/, '')), bytes);
  }
}
