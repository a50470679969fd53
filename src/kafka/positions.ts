import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How far a kind of records is in Kafka. */
export interface SavedPosition {
  readonly topic: string;
  /** Ordinal of the first record that may not be there. */
  readonly position: number;
}

/** By the kind's name. */
export type SavedPositions = Readonly<Record<string, SavedPosition>>;

const FILE = 'kafka.json';
const VERSION = 1;

/** Reads what an earlier run left in the store's directory; empty if it cannot be used. */
export function readPositions(directory: string): SavedPositions {
  try {
    const text = readFileSync(join(directory, FILE), 'utf8');
    const saved: { version?: unknown; positions: SavedPositions } = JSON.parse(text);
    if (saved.version !== VERSION) return {};
    const entries = Object.entries(saved.positions);
    return Object.fromEntries(
      entries.filter(([, { position }]) => Number.isSafeInteger(position) && position >= 0),
    );
  } catch {
    return {};
  }
}

/**
 * Replaces the file, so that a crash leaves the old one or the new one.
 *
 * @throws Error of the file system
 */
export function writePositions(directory: string, positions: SavedPositions): void {
  const path = join(directory, FILE);
  const file = openSync(`${path}.tmp`, 'w', 0o600);
  try {
    writeSync(file, JSON.stringify({ version: VERSION, positions }));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.tmp`, path);
}
