import { expect, it, onTestFinished } from 'vitest';
import { RowlessSymbols } from '../../src/cluster/rowless-symbols.ts';
import { MIRRORED_VALUES, RemoteEngine } from '../../src/engine/index.ts';
import { delay, until } from '../../testkit/until.ts';

const LOOK_MS = 20;
const T = 1_700_000_000_000;

/** An edge with A, of which it has a row, and LATE, whose life had ended when an anomaly came. */
function edge(isInStep: () => boolean) {
  const engine = new RemoteEngine(64, 64);
  const ended: string[] = [];
  engine.onLifeEnded = (symbolId) => ended.push(engine.symbols.name(symbolId));
  const name = Buffer.from('A');
  const row = new Float64Array(MIRRORED_VALUES).fill(1);
  engine.mirrorRow(engine.symbolId(name, 0, name.length), row);
  const numbers = { reference: 100, price: 103, changePercent: 3, time: T };
  engine.mirrorAnomaly({ symbol: 'LATE', sequence: 1, direction: 1, ...numbers });
  const rowless = new RowlessSymbols(engine, isInStep);
  rowless.start(LOOK_MS);
  onTestFinished(() => rowless.stop());
  return { engine, ended };
}

it('frees a symbol that came back with an anomaly of its ended life, and no other', async () => {
  const { engine, ended } = edge(() => true);
  expect(engine.symbols.findName('LATE')).toBeGreaterThanOrEqual(0);
  await until(() => ended.length > 0);
  await delay(4 * LOOK_MS);
  expect(ended).toEqual(['LATE']);
});

it('frees none while rows may be missing', async () => {
  const { ended } = edge(() => false);
  await delay(6 * LOOK_MS);
  expect(ended).toEqual([]);
});
