import { type RaisedRecord, symbolsFrame } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Connection } from '../sessions/connection.ts';
import type { SessionSubscriptions } from '../subscriptions/session-subscriptions.ts';
import { NO_RECORDS, type RecordKindName } from '../subscriptions/subscription-columns.ts';
import type { RecordLog } from './record-log.ts';
import { recordMessage, type SentRecord } from './record-message.ts';
import type { RuleAnnouncements } from './rule-announcements.ts';

export type RecordSenderContext = Pick<
  GatewayContext,
  'alerts' | 'anomalies' | 'counters' | 'engine'
>;

/** Records in one frame at most. */
const RECORDS_PER_FRAME = 1000;

/*
 * One session's anomalies and alerts. For each kind, its cursor on a symbol is the sequence of the
 * last record that it was sent; every later one follows, in the order in which all symbols raised
 * theirs.
 */

/**
 * Sets whether a subscription wants records of a kind.
 *
 * @param since sequence after which they are sent; undefined: go on, or begin with the next one
 */
export function setRecordInterest(
  kind: RecordKindName,
  subscriptions: SessionSubscriptions,
  subscription: number,
  isWanted: boolean,
  since: number | undefined,
  log: Pick<RecordLog<RaisedRecord>, 'last'>,
): void {
  const { columns } = subscriptions;
  const cursors = columns.lastOf(kind);
  if (!isWanted) {
    cursors[subscription] = NO_RECORDS;
    return;
  }
  const last = log.last(columns.symbolIds[subscription] as number);
  if (since !== undefined) {
    cursors[subscription] = Math.min(since, last);
  } else if (cursors[subscription] === NO_RECORDS) {
    cursors[subscription] = last;
  } else {
    // Kept while the symbol was gone; without a store its numbers begin again.
    cursors[subscription] = Math.min(cursors[subscription] as number, last);
  }
  if (last > (cursors[subscription] ?? last)) subscriptions.markRecords(subscription, kind);
}

/**
 * Instead of the ordinal of an event that older ones of other symbols may follow: a client that
 * came back with its id would miss them.
 */
const NO_ID = -1;

/** Sends what the marked subscriptions have not been sent, one frame at most. */
export function sendAnomalies(
  subscriptions: SessionSubscriptions,
  connection: Connection,
  context: RecordSenderContext,
): void {
  const sent = takePending('anomalies', context.anomalies, subscriptions, connection, context);
  if (sent.length === 0) return;
  const { client, encoding, events } = connection;
  if (events === undefined) {
    connection.sendEncoded(recordMessage(context.anomalies.kind.op, sent, Date.now(), encoding));
  } else {
    const isLast = subscriptions.pendingOf('anomalies') === 0;
    const texts = sent.map(({ record, ordinal }) =>
      events.anomaly(client.nameSpace.symbolOf(record.symbol), record, isLast ? ordinal : NO_ID),
    );
    connection.sendEncoded(texts.join(''));
  }
  context.counters.anomaliesOut += sent.length;
}

/** The same for alerts, behind the rules that they name. */
export function sendAlerts(
  subscriptions: SessionSubscriptions,
  connection: Connection,
  rules: RuleAnnouncements,
  context: RecordSenderContext,
): void {
  const sent = takePending('alerts', context.alerts, subscriptions, connection, context);
  if (sent.length === 0) return;
  const { client, encoding, events } = connection;
  if (events === undefined) {
    rules.announce(sent.map(({ record }) => record));
    connection.sendEncoded(recordMessage(context.alerts.kind.op, sent, Date.now(), encoding));
  } else {
    const isLast = subscriptions.pendingOf('alerts') === 0;
    const texts = sent.map(({ record, ordinal }) =>
      events.alert(client.nameSpace.symbolOf(record.symbol), record, isLast ? ordinal : NO_ID),
    );
    connection.sendEncoded(texts.join(''));
  }
  context.counters.alertsOut += sent.length;
}

/** Takes what the marked subscriptions have not been sent, in order, and sends their names. */
function takePending<R extends RaisedRecord>(
  kind: RecordKindName,
  log: RecordLog<R>,
  subscriptions: SessionSubscriptions,
  connection: Connection,
  { engine }: RecordSenderContext,
): SentRecord<R>[] {
  const { columns } = subscriptions;
  const cursors = columns.lastOf(kind);
  const names: (number | string)[] = [];
  const sent: SentRecord<R>[] = [];
  while (subscriptions.pendingOf(kind) > 0 && sent.length < RECORDS_PER_FRAME) {
    const subscription = subscriptions.takeRecords(kind);
    const symbolId = columns.symbolIds[subscription] as number;
    const last = cursors[subscription] as number;
    // No longer wanted since it was marked.
    if (last === NO_RECORDS) continue;
    const pending = log.toSend(symbolId, last + 1);
    // While older ones are recalled, it keeps its place, and is marked again once they are there.
    if (pending === undefined || pending.length === 0) continue;
    if (subscriptions.markNamed(subscription)) {
      const name = connection.client.nameSpace.symbolOf(engine.symbols.name(symbolId));
      names.push(engine.symbols.wireId(symbolId), name);
    }
    sent.push(...pending);
    cursors[subscription] = log.last(symbolId);
  }
  if (names.length > 0) connection.send(symbolsFrame(names));
  return sent.sort((a, b) => a.ordinal - b.ordinal);
}
