import type { RuleTable } from '../../engine/index.ts';
import {
  type Alert,
  type Anomaly,
  alertTuple,
  anomalyTuple,
  type Frame,
  Op,
  type RaisedRecord,
} from '../../protocol/index.ts';

/** How a log keeps the records of a kind in memory, and what sessions get of them. */
export interface LoggedKind<R extends RaisedRecord> {
  /** Op of the frames that carry them. */
  readonly op: typeof Op.ANOMALY | typeof Op.ALERT;
  /** For messages. */
  readonly plural: string;
  /** Doubles that a record takes beside symbol and sequence. */
  readonly fields: number;
  write(target: Float64Array, at: number, record: R): void;
  read(symbol: string, sequence: number, source: Float64Array, at: number): R;
  /** The element of a frame. */
  tuple(wireId: number, record: R): Frame;
}

export const ANOMALY_KIND: LoggedKind<Anomaly> = {
  op: Op.ANOMALY,
  plural: 'anomalies',
  fields: 5,
  write(target, at, { direction, reference, price, changePercent, time }) {
    target[at] = direction;
    target[at + 1] = reference;
    target[at + 2] = price;
    target[at + 3] = changePercent;
    target[at + 4] = time;
  },
  read(symbol, sequence, source, at) {
    return {
      symbol,
      sequence,
      direction: source[at] as Anomaly['direction'],
      reference: source[at + 1] as number,
      price: source[at + 2] as number,
      changePercent: source[at + 3] as number,
      time: source[at + 4] as number,
    };
  },
  tuple: anomalyTuple,
};

/** @param rules gives rules that are no longer in force an id, too: history names them */
export function alertKind(rules: RuleTable): LoggedKind<Alert> {
  return {
    op: Op.ALERT,
    plural: 'alerts',
    fields: 13,
    write(target, at, alert) {
      target[at] = rules.id(alert.rule, alert.kind);
      target[at + 1] = alert.episode;
      target[at + 2] = alert.phase;
      target[at + 3] = alert.level;
      target[at + 4] = alert.direction;
      target[at + 5] = alert.reference;
      target[at + 6] = alert.price;
      target[at + 7] = alert.changePercent;
      target[at + 8] = alert.time;
      target[at + 9] = alert.startTime;
      target[at + 10] = alert.peak;
      target[at + 11] = alert.count;
      target[at + 12] = alert.reason;
    },
    read(symbol, sequence, source, at) {
      const { name, kind } = rules.rule(source[at] as number);
      return {
        symbol,
        sequence,
        rule: name,
        kind,
        episode: source[at + 1] as number,
        phase: source[at + 2] as Alert['phase'],
        level: source[at + 3] as Alert['level'],
        direction: source[at + 4] as Alert['direction'],
        reference: source[at + 5] as number,
        price: source[at + 6] as number,
        changePercent: source[at + 7] as number,
        time: source[at + 8] as number,
        startTime: source[at + 9] as number,
        peak: source[at + 10] as number,
        count: source[at + 11] as number,
        reason: source[at + 12] as Alert['reason'],
      };
    },
    tuple: (wireId, alert) => alertTuple(wireId, rules.id(alert.rule, alert.kind), alert),
  };
}
