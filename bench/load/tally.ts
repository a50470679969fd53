import { Latency } from '../../loadgen/latency.ts';
import type { Receipt } from '../wires/wire.ts';

/** Totals of many sessions. */
export class Tally implements Receipt {
  /** Source updates that arrived; conflated ones count each. */
  updates = 0;
  entries = 0;
  /** Arrival of the messages being read, ms since the epoch. */
  now = 0;
  /** From an entry's newest due time to its arrival. */
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
