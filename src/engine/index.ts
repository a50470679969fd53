/** The engine's door: what the gateway may use of it. */
export type { Anomaly } from '../protocol/index.ts';
export { readCapture } from './capture-reader.ts';
export type { Capture } from './captures.ts';
export { Engine, type EngineEvents, type PartitionStatus, type SkippedTick } from './engine.ts';
export type { EngineOptions } from './engine-options.ts';
export type { AnomalySink } from './memory/anomaly-ring.ts';
export type { CaptureReport } from './memory/capture-request.ts';
export { Counter, LATENCY_BUCKETS, latencyBucketEndUs } from './memory/counters.ts';
export { monotonicMs } from './monotonic-clock.ts';
export { NameSpace, shownName, symbolOfName, TENANT_BYTES_MAX, tenantOf } from './name-space.ts';
export type { AnomalyCount, SymbolState } from './symbol-state.ts';
export {
  decodeSymbolState,
  decodeSymbolStates,
  encodeSymbolState,
  SymbolStateError,
} from './symbol-state-codec.ts';
export { SymbolTable, UNKNOWN_SYMBOL } from './symbol-table.ts';
