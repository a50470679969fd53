import { describe, expect, it } from 'vitest';
import { SymbolTable } from '../../src/engine/index.ts';
import { ANOMALY_KIND } from '../../src/gateway/fanout/record-kinds.ts';
import { RecordLog } from '../../src/gateway/fanout/record-log.ts';
import type { Anomaly } from '../../src/protocol/index.ts';
import type { RecordStore } from '../../src/store/index.ts';

const anomaly = (sequence: number): Anomaly => ({
  symbol: 'SPY',
  sequence,
  direction: 1,
  reference: 100,
  price: 103,
  changePercent: 3,
  time: sequence,
});

function logOf(store?: Pick<RecordStore<Anomaly>, 'nextOrdinal' | 'append'>) {
  const symbols = new SymbolTable(4, 1);
  const name = new TextEncoder().encode('SPY');
  const symbolId = symbols.register(name, 0, name.length);
  const numbering = { last: () => 0, continueAfter: () => undefined };
  const disk = store && { store: store as RecordStore<Anomaly>, isAwaited: false };
  const log = new RecordLog(ANOMALY_KIND, symbols, numbering, 8, disk);
  const taken: string[] = [];
  log.onTaken = ({ sequence }, ordinal) => taken.push(`${sequence} at ${ordinal}`);
  return { taken, log, append: (sequence: number) => log.append(anomaly(sequence), symbolId) };
}

describe('a symbol whose records an edge has missed', () => {
  it('has those behind the gap, as they are, and no others', () => {
    const { log, append } = logOf();
    for (let sequence = 1; sequence <= 6; sequence++) append(sequence);
    const sent = (from: number) =>
      log.toSend(0, from)?.map(({ record }) => [record.sequence, record.time]);
    const paged = () => {
      const page = log.page(0, { symbol: 'SPY', from: 1, limit: 8 }, () => true);
      return 'items' in page ? page.items.map(({ sequence, time }) => [sequence, time]) : undefined;
    };
    append(20);
    expect(sent(7)).toEqual([[20, 20]]);
    expect(paged()).toEqual([[20, 20]]);
    for (let sequence = 21; sequence <= 29; sequence++) append(sequence);
    const last = Array.from({ length: 8 }, (_, i) => [22 + i, 22 + i]);
    expect(sent(1)).toEqual(last);
    expect(paged()).toEqual(last);
  });
});

describe('what a log passes on while its server stops', () => {
  it('is everything where no disk has it for the next run', () => {
    const { taken, log, append } = logOf();
    append(1);
    log.end();
    append(2);
    expect(taken).toEqual(['1 at 0', '2 at 1']);
  });

  it('is nothing where a disk has it', () => {
    const stored: number[] = [];
    const store = { nextOrdinal: 7, append: ({ sequence }: Anomaly) => void stored.push(sequence) };
    const { taken, log, append } = logOf(store);
    append(1);
    log.end();
    append(2);
    expect(taken).toEqual(['1 at 7']);
    expect(stored).toEqual([1, 2]);
  });
});
