/** The engine's door: what the gateway may use of it. */
export type { AnomalySink } from './anomaly-rule.ts';
export { Engine, type EngineEvents, type EngineOptions, type PartitionStatus } from './engine.ts';
export { Counter, LATENCY_BUCKETS, latencyBucketEndUs } from './memory/counters.ts';
export { monotonicMs } from './monotonic-clock.ts';
export { SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';
