import { expect, test } from 'vitest';
import type { Bus } from '../../src/cluster/bus.ts';
import { ClusterNames } from '../../src/cluster/names.ts';
import { OutputWriter, readAnomaly } from '../../src/cluster/output-writer.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const names = new ClusterNames('test', 1);
const ANOMALY = {
  symbol: 'BTC',
  sequence: 1,
  direction: 1,
  reference: 100,
  price: 103,
  changePercent: 3,
  time: 5,
} as const;

test('what is added while a claim is looked at is written, though nothing follows', async () => {
  const broker = new SimulatedBroker(new Random(1));
  const bus = broker.connect();
  await bus.openLog({
    name: names.outputLog,
    subjects: [names.outputs],
    perSubjectMax: 0,
    ageMaxMs: 0,
  });
  let release = () => {};
  let isHeld = false;
  const slow = {
    append: bus.append.bind(bus),
    appendAll: bus.appendAll.bind(bus),
    last: async (log: string, filter: string) => {
      if (isHeld) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return bus.last(log, filter);
    },
  } as unknown as Bus;
  const writer = await OutputWriter.claim(slow, names, 0, 'owner');
  isHeld = true;
  const confirmed = writer.confirm();
  writer.add(ANOMALY, { position: 1, index: 0 });
  await writer.flush();
  expect(writer.waiting).toBe(1);
  isHeld = false;
  release();
  await confirmed;
  await until(() => writer.waiting === 0);
  const last = await bus.last(names.outputLog, names.outputsOf(0));
  expect(last && readAnomaly(last.payload)).toMatchObject(ANOMALY);
});
