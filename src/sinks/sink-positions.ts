import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SavedEpisodes } from './firing-episodes.ts';

/** What a sink goes on from after a restart. */
export interface SavedSink {
  /** Ordinal of the first alert that it may not have delivered. */
  readonly position: number;
  /** Of the format `alertmanager`. */
  readonly episodes?: SavedEpisodes;
}

/** By the sink's name. */
export type SavedSinks = Readonly<Record<string, SavedSink>>;

const FILE = 'sinks.json';
const VERSION = 1;

/**
 * Reads what an earlier run left in the store's directory.
 *
 * @param end ordinal of the next alert; a store that was put back to an earlier state is behind
 * @returns empty where there is nothing, or nothing that can be used
 */
export function readSavedSinks(directory: string, end: number): SavedSinks {
  let saved: { version?: unknown; sinks?: SavedSinks };
  try {
    saved = JSON.parse(readFileSync(join(directory, FILE), 'utf8'));
  } catch {
    return {};
  }
  if (saved.version !== VERSION || typeof saved.sinks !== 'object') return {};
  const usable = Object.entries(saved.sinks).filter(([, { position }]) => position >= 0);
  return Object.fromEntries(
    usable.map(([name, sink]) => [name, { ...sink, position: Math.min(sink.position, end) }]),
  );
}

/**
 * Replaces the file, so that a crash leaves the old one or the new one.
 *
 * @throws Error of the file system
 */
export function writeSavedSinks(directory: string, sinks: SavedSinks): void {
  const path = join(directory, FILE);
  const file = openSync(`${path}.tmp`, 'w', 0o600);
  try {
    writeSync(file, JSON.stringify({ version: VERSION, sinks }));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.tmp`, path);
}
