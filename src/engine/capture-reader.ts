import type { Capture } from './captures.ts';
import { MAXIMA, MINIMA, readPlaces } from './memory/deque-places.ts';
import { RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { SymbolNames } from './memory/symbol-names.ts';
import { RecordDouble, SymbolRecords } from './memory/symbol-records.ts';
import { partitionOf, symbolHash } from './partitioner.ts';
import type { AverageState, SymbolState } from './symbol-state.ts';
import { SymbolStateWriter } from './symbol-state-codec.ts';

/** No chunk but the last is smaller. */
const CHUNK_BYTES_MIN = 64 * 1024;

const decoder = new TextDecoder();

/**
 * The states of all symbols of a capture as bytes, in chunks of whole states of 64 kB and somewhat more; the last may be
 * smaller. For `decodeSymbolStates`. Any thread, while the capture is not released.
 */
export function* readCapture(capture: Capture): Generator<Uint8Array> {
  const writer = new SymbolStateWriter();
  for (const state of readStates(capture)) {
    writer.append(state);
    if (writer.length >= CHUNK_BYTES_MIN) yield writer.take();
  }
  if (writer.length > 0) yield writer.take();
}

/** The states of all symbols of a capture that have ticks or anomalies, by symbol id. Any thread, as {@link readCapture}. */
function* readStates(capture: Capture): Generator<SymbolState> {
  const names = new SymbolNames(capture.names);
  const records = new SymbolRecords(capture.records, capture.movingAverageWindow);
  const table = new StatisticsTable(records);
  const places = capture.places.map((memory) => new Float64Array(memory));
  for (let symbolId = 0; symbolId < capture.symbols; symbolId++) {
    const count = table.value(symbolId, RowValue.COUNT);
    const anomalies = table.anomalies(symbolId);
    // A symbol whose ticks were all refused, overwritten or offered after the cut.
    if (count === 0 && anomalies === 0) continue;
    const name = names.get(symbolId);
    const partition = partitionOf(symbolHash(name, 0, name.length), places.length);
    const own = places[partition] as Float64Array;
    yield {
      symbol: decoder.decode(name),
      anomalies,
      count,
      price: table.value(symbolId, RowValue.PRICE),
      average: table.value(symbolId, RowValue.AVERAGE),
      time: table.value(symbolId, RowValue.TIME),
      min: table.value(symbolId, RowValue.MIN),
      max: table.value(symbolId, RowValue.MAX),
      averaging: readAverage(records, symbolId, count, capture.movingAverageWindow),
      minima: readPlaces(records, own, symbolId, MINIMA),
      maxima: readPlaces(records, own, symbolId, MAXIMA),
    };
  }
}

function readAverage(
  records: SymbolRecords,
  symbolId: number,
  count: number,
  window: number,
): AverageState {
  const record = symbolId * records.doublesEach;
  const taken = count - (records.doubles[record + RecordDouble.SINCE] as number);
  const first = record + RecordDouble.PRICES;
  return {
    window,
    taken,
    prices: new Float64Array(records.doubles.subarray(first, first + Math.min(taken, window))),
    sum: records.doubles[record + RecordDouble.SUM] as number,
    correction: records.doubles[record + RecordDouble.CORRECTION] as number,
  };
}
