import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const PACKED = {
  1: fileURLToPath(new URL('./store-format-1', import.meta.url)),
  2: fileURLToPath(new URL('./store-format-2', import.meta.url)),
  3: fileURLToPath(new URL('./store-format-3', import.meta.url)),
};

export const FORMAT_3_RULES = {
  rules: [
    {
      name: 'flash',
      kind: 'spike',
      symbols: ['*'],
      windowMs: 1000,
      warning: '1.5%',
      critical: '4%',
    },
  ],
};

/**
 * Lays out a store as an earlier server left it.
 *
 * Format 1: 9 anomalies of SYM-0, raised by ticks of 2020-01-01, and two snapshots, of 6 and 10
 * ticks of SYM-0 and SYM-1 each, of the publisher "feed". Format 2, the last without a journal: a
 * snapshot of 14 ticks of OLD, 13 of QUIET and 13 of JUMPY, which raised 12 anomalies, of the
 * publisher "feed" and 2023-11-14. Format 3, of 0.2.0, by the same publisher and of the same day,
 * under {@link FORMAT_3_RULES}: a run that was stopped, whose snapshot has 10 ticks of CALM, 11 of
 * JUMPY and a retirement of GONE; and one that was killed, whose journal has 5 of CALM, 2 of JUMPY
 * and 1 of LATER.
 */
export function layOutOldStore(directory: string, format: keyof typeof PACKED = 1): void {
  const packed = PACKED[format];
  for (const name of readdirSync(packed, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.gz')) continue;
    const path = join(directory, name.slice(0, -'.gz'.length));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, gunzipSync(readFileSync(join(packed, name))));
  }
}
