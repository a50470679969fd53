import type { Anomaly } from '../engine/index.ts';
import { Moved } from '../threads/thread-calls.ts';
import type { ArrivedAnomaly } from './store.ts';

/** Fields of an anomaly: index of its symbol, then as below. */
const FIELDS = 8;
const NO_ORDINAL = -1;

/**
 * Anomalies on their way from one thread to another: a tenth of what it costs to copy them as
 * objects.
 */
export interface AnomalyColumns {
  readonly symbols: readonly string[];
  readonly fields: Float64Array<ArrayBuffer>;
}

export function packAnomalies(anomalies: readonly Anomaly[]): Moved<AnomalyColumns> {
  const columns = columnsOf(anomalies.length, (at) => anomalies[at] as Anomaly);
  return new Moved(columns, [columns.fields.buffer]);
}

export function packArrived(arrived: readonly ArrivedAnomaly[]): Moved<AnomalyColumns> {
  const columns = columnsOf(
    arrived.length,
    (at) => (arrived[at] as ArrivedAnomaly).anomaly,
    (at) => (arrived[at] as ArrivedAnomaly).ordinal,
  );
  return new Moved(columns, [columns.fields.buffer]);
}

function columnsOf(
  count: number,
  anomalyAt: (at: number) => Anomaly,
  ordinalAt: (at: number) => number = () => NO_ORDINAL,
): AnomalyColumns {
  const fields = new Float64Array(count * FIELDS);
  const indexes = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const anomaly = anomalyAt(i);
    let index = indexes.get(anomaly.symbol);
    if (index === undefined) {
      index = indexes.size;
      indexes.set(anomaly.symbol, index);
    }
    const at = i * FIELDS;
    fields[at] = index;
    fields[at + 1] = anomaly.sequence;
    fields[at + 2] = anomaly.direction;
    fields[at + 3] = anomaly.reference;
    fields[at + 4] = anomaly.price;
    fields[at + 5] = anomaly.changePercent;
    fields[at + 6] = anomaly.time;
    fields[at + 7] = ordinalAt(i);
  }
  return { symbols: [...indexes.keys()], fields };
}

export function unpackAnomalies({ symbols, fields }: AnomalyColumns): Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (let at = 0; at < fields.length; at += FIELDS) anomalies.push(anomalyAt(symbols, fields, at));
  return anomalies;
}

export function unpackArrived({ symbols, fields }: AnomalyColumns): ArrivedAnomaly[] {
  const arrived: ArrivedAnomaly[] = [];
  for (let at = 0; at < fields.length; at += FIELDS) {
    const ordinal = fields[at + 7] as number;
    arrived.push({ ordinal, anomaly: anomalyAt(symbols, fields, at) });
  }
  return arrived;
}

function anomalyAt(symbols: readonly string[], fields: Float64Array, at: number): Anomaly {
  return {
    symbol: symbols[fields[at] as number] as string,
    sequence: fields[at + 1] as number,
    direction: fields[at + 2] as Anomaly['direction'],
    reference: fields[at + 3] as number,
    price: fields[at + 4] as number,
    changePercent: fields[at + 5] as number,
    time: fields[at + 6] as number,
  };
}
