import { type Anomaly, connect, type Subscriber } from '../../client-sdk/src/index.ts';
import { LoadSocket } from '../ws-socket.ts';

/**
 * A subscriber to everything that stays, over all restarts of the server, and notes every break in the numbering of a
 * symbol's anomalies.
 */
export class AnomalyWatch {
  readonly subscriber: Subscriber;
  /** Last sequences by symbol. */
  readonly sequences = new Map<string, number>();
  readonly breaks: string[] = [];
  /** Numbers that were given anew after a crash. */
  renumbered = 0;
  /** The epochs in which those were told. */
  readonly #epochs = new Map<string, string>();
  readonly #crashed = new Set<string>();

  constructor(url: string) {
    this.subscriber = connect(url, { WebSocket: LoadSocket });
    this.subscriber.subscribe('*');
    this.subscriber.on('anomaly', (anomaly) => this.#follow(anomaly));
    this.subscriber.on('gap', ({ symbol, fromSequence, toSequence }) => {
      this.breaks.push(`${symbol}: the server does not have ${fromSequence} to ${toSequence}`);
    });
  }

  /** The process with this epoch was killed in `async` mode: it may have told numbers that the next one gives anew. */
  serverCrashed(epoch: string): void {
    this.#crashed.add(epoch);
  }

  #follow({ symbol, sequence }: Anomaly): void {
    const last = this.sequences.get(symbol);
    const epoch = this.subscriber.session?.epoch ?? '';
    if (last !== undefined && sequence !== last + 1) {
      const before = this.#epochs.get(symbol) ?? '';
      const isAnew = sequence <= last && epoch !== before && this.#crashed.has(before);
      if (isAnew) this.renumbered += last + 1 - sequence;
      else this.breaks.push(`${symbol}: ${sequence} after ${last}`);
    }
    this.sequences.set(symbol, sequence);
    this.#epochs.set(symbol, epoch);
  }
}
