import { Latency } from '../../loadgen/latency.ts';
import type { Receipt } from '../wires/wire.ts';

/** Counts what many sessions get. */
export class Tally implements Receipt {
  /** Updates of the source that arrived; those that one entry stands for count each. */
  updates = 0;
  /** Entries that arrived. */
  entries = 0;
  /** When the messages that are being read arrived, ms since the epoch. */
  now = 0;
  /** From when an entry's newest update was due to its arrival. */
  latency = new Latency();

  update(count: number): void {
    this.updates += count;
    this.entries++;
  }

  dueAt(timeMs: number): void {
    this.latency.record(this.now - timeMs);
  }

  resetLatency(): void {
    this.latency = new Latency();
  }
}
