/** The wire: all that both ends must agree on. Pure; runs in browsers and Node. */
export * from './alert.ts';
export * from './anomaly.ts';
export * from './byte-writer.ts';
export * from './client-frames.ts';
export * from './codec.ts';
export * from './digest.ts';
export * from './errors.ts';
export * from './ops.ts';
export * from './server-frames.ts';
export * from './stats-entry.ts';
export * from './symbol.ts';
export * from './tick-batch.ts';
export * from './ticks-reader.ts';
