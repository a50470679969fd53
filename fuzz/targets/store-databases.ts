import { readFileSync } from 'node:fs';
import { findHeaderDamage } from '../../src/store/database-check.ts';
import { DATABASE_FILE, openDatabases } from '../../src/store/databases.ts';
import type { Target } from '../engine/target.ts';
import { ScratchFile } from './scratch-file.ts';

/** The check of the headers, which comes before a process reads through the file. */
export function storeDatabases(): Target {
  const file = new ScratchFile(DATABASE_FILE);
  return {
    name: 'store-databases',
    covers: ['store/database-check'],
    inputBytesMax: 300_000,
    dictionary: [
      '\xde\xc0\xef\xbe',
      '\xff\xff\xff\xff\xff\xff\xff\xff',
      '\x08@',
      '\x02\x00',
      '\x04\x00',
      '\x00\x10\x00\x00',
    ],
    seeds: () => [databaseOf(0), databaseOf(3), databaseOf(400)],
    generate: (random) => {
      const bytes = databaseOf(random.pick([0, 5, 150]));
      for (let count = random.between(1, 4); count > 0; count--) {
        // The first bytes of a page say what it is.
        const page = random.below(Math.ceil(bytes.length / 4096)) * 4096;
        bytes[Math.min(bytes.length - 1, page + random.below(220))] = random.below(256);
      }
      return bytes;
    },
    execute: (bytes) => {
      file.write(bytes);
      findHeaderDamage(file.filePath);
    },
    close: () => file[Symbol.dispose](),
  };
}

const made = new Map<number, Buffer>();

/** A database of this many records, some of which are longer than a page. */
function databaseOf(records: number): Buffer {
  const known = made.get(records);
  if (known !== undefined) return Buffer.from(known);
  const file = new ScratchFile(DATABASE_FILE);
  const { root, records: anomalies } = openDatabases(file.filePath, 'write').anomalies;
  root.transactionSync(() => {
    for (let i = 0; i < records; i++) {
      anomalies.putSync(Buffer.from(`key-${i}`), Buffer.alloc(i % 50 === 3 ? 9000 : 60, i));
    }
  });
  const bytes = readFileSync(file.filePath);
  void root.close().then(() => file[Symbol.dispose]());
  made.set(records, bytes);
  return Buffer.from(bytes);
}
