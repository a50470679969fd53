/** What subscribers got: counted by wires, read by workloads. */
export interface Receipt {
  /** An update arrived at a subscriber: `count` updates of the source in one entry (more than one: conflated). */
  update(count: number): void;
  /** The newest update of what was just counted was due at this time, ms since the epoch: records the latency. */
  dueAt(timeMs: number): void;
}
