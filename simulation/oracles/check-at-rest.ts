import { ROW_VALUES, RowValue } from '../../src/engine/memory/statistics-table.ts';
import { breakOff, expectThat } from '../core/violation.ts';
import type { World } from '../world.ts';
import type { EngineOracle } from './engine-oracle.ts';
import type { StateValues } from './symbol-model.ts';

const row = new Float64Array(ROW_VALUES);

/** At rest, rows, counters, anomalies and the disk must agree with the models. */
export function checkAtRest({ disk, oracle, scenario }: World): void {
  const { engine } = oracle;
  engine.quietly(() => checkRows(engine));
  for (const partition of engine.queues.keys()) engine.checkCounters(partition);
  checkTaken(engine);
  if (scenario.config.store.directory === '') return;
  for (const [symbolId, model] of engine.byId.entries()) {
    const stored = disk.lastSequence(engine.nameOf(symbolId));
    const isOld = model.lastAnomaly === engine.drainedFrom[symbolId];
    if (stored === model.lastAnomaly || isOld) continue;
    const detail = `${engine.nameOf(symbolId)}: ${stored} of ${model.lastAnomaly} are on disk`;
    breakOff('the store gets every anomaly', detail);
  }
}

function checkRows(oracle: EngineOracle): void {
  const { statistics, symbols } = oracle.engine;
  for (const [symbolId, symbol] of symbols.names.entries()) {
    if (symbol === undefined) continue;
    const model = oracle.model(symbolId);
    const version = statistics.read(symbolId, row, 0);
    const count = version === 0 ? 0 : (row[RowValue.COUNT] as number);
    expectThat(
      count === model.states.length,
      'every accepted tick is applied',
      () => `${symbol} has ${count} updates, and ${model.states.length} ticks were applied`,
    );
    if (count > 0) model.checkState(symbol, count, rowValues());
  }
}

function checkTaken(engine: EngineOracle): void {
  for (const [symbolId, model] of engine.byId.entries()) {
    const drained = engine.drained[symbolId];
    if (drained === model.lastAnomaly) continue;
    const detail = `${engine.nameOf(symbolId)}: ${drained} of ${model.lastAnomaly} were taken`;
    breakOff('anomalies are complete', detail);
  }
}

function rowValues(): StateValues {
  return {
    price: row[RowValue.PRICE] as number,
    average: row[RowValue.AVERAGE] as number,
    time: row[RowValue.TIME] as number,
    min: row[RowValue.MIN] as number,
    max: row[RowValue.MAX] as number,
  };
}
