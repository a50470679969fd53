/** What a soak asks of its server's process, beside what every server does. */
export type ServerRequest =
  | { readonly call: 'killWorker'; readonly partition: number }
  | { readonly call: 'collect' };

/** What is alive on the main thread after all garbage was collected, bytes: the answer to `collect`. */
export interface LiveMemory {
  readonly heapBytes: number;
  /** Of buffers, and of what objects hold outside the heap. */
  readonly externalBytes: number;
}
