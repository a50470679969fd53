import { ClusterNames } from '../../src/cluster/names.ts';
import type { Anomaly } from '../../src/protocol/index.ts';
import type { SimulatedBus } from './simulated-bus.ts';

const encoder = new TextEncoder();

/** The log of outputs as owners write it, and what they wrote. */
export class RaisedRecords {
  readonly names = new ClusterNames('test', 1);
  /** In the log's order. */
  readonly anomalies: Anomaly[] = [];
  readonly #bus: SimulatedBus;
  readonly #last = new Map<string, number>();

  private constructor(bus: SimulatedBus) {
    this.#bus = bus;
  }

  /** @param perSubjectMax newest records kept of each symbol; 0: all */
  static async open(bus: SimulatedBus, perSubjectMax = 0): Promise<RaisedRecords> {
    const raised = new RaisedRecords(bus);
    const { outputLog: name, outputs } = raised.names;
    await bus.openLog({ name, subjects: [outputs], perSubjectMax, ageMaxMs: 0 });
    return raised;
  }

  /** Raises anomalies of a symbol, all at once; resolves once they are stored. */
  async raise(symbol: string, count = 1): Promise<void> {
    const first = (this.#last.get(symbol) ?? 0) + 1;
    this.#last.set(symbol, first + count - 1);
    const raised = Array.from({ length: count }, (_, i) => anomalyOf(symbol, first + i));
    this.anomalies.push(...raised);
    await this.#bus.appendAll(
      raised.map((anomaly, index) => ({
        subject: this.names.anomaly(0, symbol),
        payload: encoder.encode(JSON.stringify({ ...anomaly, position: 1, index, epoch: 1 })),
      })),
    );
  }

  /** What owners write besides. */
  async claim(): Promise<void> {
    const payload = encoder.encode(JSON.stringify({ owner: 'a', nonce: 1, position: 0, index: 0 }));
    await this.#bus.append({ subject: this.names.claim(0), payload });
  }
}

function anomalyOf(symbol: string, sequence: number): Anomaly {
  const direction = sequence % 2 === 0 ? -1 : 1;
  const changePercent = 3 * direction;
  const price = 100 + changePercent;
  return { symbol, sequence, direction, reference: 100, price, changePercent, time: sequence };
}
