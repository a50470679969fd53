/** Ticks in; statistics, anomalies and alerts out. The only entry to this folder. */
export type { Anomaly } from '../protocol/index.ts';
export { assertEqual, InvariantError } from './assert.ts';
export { type Capture, countChanged, readCapture } from './captures.ts';
export { Engine } from './engine.ts';
export type {
  EngineEvents,
  EngineOptions,
  LostTicks,
  PartitionStatus,
  SkippedTick,
} from './engine-options.ts';
export { LocalPartition, type LocalSettings } from './local-partition.ts';
export type { AlertSink } from './memory/alert-ring.ts';
export { type AnomalySink, LostCause } from './memory/anomaly-ring.ts';
export type { CaptureReport } from './memory/capture-request.ts';
export {
  Counter,
  LATENCY_BUCKETS,
  latencyBucketEndUs,
  monotonicUs,
  UNMEASURED,
} from './memory/counters.ts';
export { createDoorbell, Doorbell } from './memory/doorbell.ts';
export { RETIRED_MAX } from './memory/retire-request.ts';
export { RowValue } from './memory/statistics-table.ts';
export { NameSpace, shownName, symbolOfName, TENANT_BYTES_MAX, tenantOf } from './name-space.ts';
export { type EndCause, MIRRORED_VALUES, RemoteEngine } from './remote-engine.ts';
export { RuleTable } from './rule-table.ts';
export type { StartRules } from './rules-in-force.ts';
export type { ServedEngine } from './served-engine.ts';
export { type Retirement, ShardPartition } from './shard-partition.ts';
export type { RecordNumbers, SavedLives } from './symbol-lives.ts';
export { type AnomalyCount, emptyState, type SymbolState } from './symbol-state.ts';
export {
  checkSymbolStates,
  decodeSymbolState,
  decodeSymbolStates,
  encodeSymbolState,
  SymbolStateError,
  SymbolStateVersionError,
  salvageSymbolStates,
} from './symbol-state-codec.ts';
export {
  NO_WIRE_ID,
  partitionOf,
  SymbolTable,
  symbolHash,
  UNKNOWN_SYMBOL,
} from './symbol-table.ts';
