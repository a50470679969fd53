import type { Retention } from './pruner.ts';

export interface WriterData {
  readonly directory: string;
}

export type WriterRequest =
  | { readonly kind: 'write'; readonly id: number; readonly batch: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'prune'; readonly id: number; readonly retention: Retention }
  | { readonly kind: 'close'; readonly id: number };

/** The answer with id 0 comes unasked: the thread is ready. */
export interface WriterAnswer {
  readonly id: number;
  /** Anomalies removed by a prune. */
  readonly count: number;
  readonly fault: string | undefined;
}
