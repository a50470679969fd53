import { symbolsFrame } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import type { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';
import { NO_ANOMALIES } from '../subscriptions/subscription-columns.ts';
import { anomalyMessage, type SentAnomaly } from './anomaly-message.ts';

export type AnomalySenderContext = Pick<GatewayContext, 'anomalies' | 'counters' | 'engine'>;

/** Anomalies in one frame at most. */
const ANOMALIES_PER_FRAME = 1000;

/*
 * One session's anomalies. Its cursor on a symbol is the sequence of the last anomaly that it was
 * sent; every later one follows, in the order in which all symbols raised theirs.
 */

/**
 * Sets whether a subscription wants anomalies.
 *
 * @param since sequence after which they are sent; undefined: go on, or begin with the next one
 */
export function setAnomalyInterest(
  subscriptions: SessionSubscriptions,
  subscription: number,
  isWanted: boolean,
  since: number | undefined,
  { anomalies }: AnomalySenderContext,
): void {
  const { columns } = subscriptions;
  if (!isWanted) {
    columns.lastAnomalies[subscription] = NO_ANOMALIES;
    return;
  }
  const last = anomalies.last(columns.symbolIds[subscription] as number);
  if (since !== undefined) {
    columns.lastAnomalies[subscription] = Math.min(since, last);
  } else if (columns.lastAnomalies[subscription] === NO_ANOMALIES) {
    columns.lastAnomalies[subscription] = last;
  } else {
    // Kept while the symbol was gone; without a store its numbers begin again.
    const kept = columns.lastAnomalies[subscription] as number;
    columns.lastAnomalies[subscription] = Math.min(kept, last);
  }
  const sent = columns.lastAnomalies[subscription] ?? last;
  if (last > sent) subscriptions.markAnomalies(subscription);
}

/** Sends what the marked subscriptions have not been sent, one frame at most. */
export function sendAnomalies(
  subscriptions: SessionSubscriptions,
  connection: Connection,
  { anomalies, counters, engine }: AnomalySenderContext,
): void {
  const { columns } = subscriptions;
  const names: (number | string)[] = [];
  const sent: SentAnomaly[] = [];
  while (subscriptions.anomaliesPending > 0 && sent.length < ANOMALIES_PER_FRAME) {
    const subscription = subscriptions.takeAnomalies();
    const symbolId = columns.symbolIds[subscription] as number;
    const last = columns.lastAnomalies[subscription] as number;
    // No longer wanted since it was marked.
    if (last === NO_ANOMALIES) continue;
    const pending = anomalies.toSend(symbolId, last + 1);
    // While older ones are recalled, it keeps its place, and is marked again once they are there.
    if (pending === undefined || pending.length === 0) continue;
    if (subscriptions.markNamed(subscription)) {
      const name = connection.client.nameSpace.symbolOf(engine.symbols.name(symbolId));
      names.push(engine.symbols.wireId(symbolId), name);
    }
    sent.push(...pending);
    columns.lastAnomalies[subscription] = anomalies.last(symbolId);
  }
  if (sent.length === 0) return;
  sent.sort((a, b) => a.ordinal - b.ordinal);
  if (names.length > 0) connection.send(symbolsFrame(names));
  connection.sendEncoded(encoded(sent, connection));
  counters.anomaliesOut += sent.length;
}

function encoded(
  sent: readonly SentAnomaly[],
  { client, encoding, events }: Connection,
): Uint8Array | string {
  if (events === undefined) return anomalyMessage(sent, Date.now(), encoding);
  const texts = sent.map(({ anomaly, ordinal }) =>
    events.anomaly(client.nameSpace.symbolOf(anomaly.symbol), anomaly, ordinal),
  );
  return texts.join('');
}
