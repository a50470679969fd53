import type { Config } from '../config/schema.ts';

/** A shard holds at most so many times its part of `processing.maxSymbols`. */
const SYMBOLS_FACTOR = 8;
const SYMBOLS_MIN = 1024;
/** Memory of a shard for sliding windows that outgrow their record, at least, bytes. */
const WINDOW_BYTES_MIN = 1_048_576;
/** Its part of `processing.windowBytesMax`. */
const WINDOW_PART = 1 / 16;

/** What a shard may hold: symbols, and bytes for windows that outgrow their record. */
export function shardLimits({ cluster, processing }: Config) {
  const { maxSymbols, windowBytesMax } = processing;
  const part = Math.ceil((SYMBOLS_FACTOR * maxSymbols) / cluster.shards);
  return {
    rules: processing,
    symbols: Math.min(maxSymbols, Math.max(SYMBOLS_MIN, part)),
    growBytes: Math.max(WINDOW_BYTES_MIN, Math.floor(windowBytesMax * WINDOW_PART)),
  };
}
