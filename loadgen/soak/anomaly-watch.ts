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

  constructor(url: string) {
    this.subscriber = connect(url, { WebSocket: LoadSocket });
    this.subscriber.subscribe('*');
    this.subscriber.on('anomaly', (anomaly) => this.#follow(anomaly));
    this.subscriber.on('gap', ({ symbol, fromSequence, toSequence }) => {
      this.breaks.push(`${symbol}: the server does not have ${fromSequence} to ${toSequence}`);
    });
  }

  #follow({ symbol, sequence }: Anomaly): void {
    const last = this.sequences.get(symbol);
    if (last !== undefined && sequence !== last + 1) {
      this.breaks.push(`${symbol}: ${sequence} after ${last}`);
    }
    this.sequences.set(symbol, sequence);
  }
}
