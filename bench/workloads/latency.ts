import type { ContenderKey } from '../contenders/contenders.ts';
import { type DeliverySetting, measureDelivery, openDelivery } from './delivery.ts';
import { measureFullSpeed, stampNow } from './full-speed.ts';
import type { Figures, Turn, Workload, WorkloadGroup } from './workload.ts';

const MARKET = { symbols: 1000, sessions: 50, perSession: 100 };
const FRAME_UPDATES = 256;
const SHARE_OF_SATURATION = 0.8;
const CONTENDERS: readonly ContenderKey[] = [
  'tickwire',
  'tickwire-stored',
  'inline',
  'ceiling',
  'relay',
  'nats',
];
const QUERY_RATE = 200;

export const latency: WorkloadGroup = {
  name: 'latency',
  title: 'Delivery latency',
  description:
    `${MARKET.symbols} symbols, ${MARKET.sessions} sessions × ${MARKET.perSession}. From when an ` +
    'update was due to its arrival at a subscriber, including the delay of the generator and of ' +
    'the reading process, which are the same for all. Saturation is what Tickwire processes in ' +
    'the same setting at full speed.',
  columns: [
    { key: 'rate', title: 'updates/s', digits: 0, isMoreBetter: true },
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p90', title: 'p90 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'p999', title: 'p99.9 ms', digits: 2 },
    { key: 'cores', title: 'cores busy', digits: 2 },
    { key: 'deliveredShare', title: 'delivered', digits: 3, isMoreBetter: true },
  ],
  ratio: { column: 'p50', to: 'relay' },
  workloads: [atRate(10_000), withQueries(10_000), atRate(100_000), nearSaturation()],
};

function atRate(rate: number): Workload {
  return {
    name: `latency-at-${rate}`,
    setting: `${rate.toLocaleString('en-US')} updates/s`,
    contenders: CONTENDERS,
    isQuick: true,
    measure: (turn) => measureLatency(turn, { ...MARKET, rate }),
  };
}

/** What readers of the disk cost those who are delivered to: beside the row without them. */
function withQueries(rate: number): Workload {
  return {
    name: `latency-at-${rate}-with-queries`,
    setting: `${rate.toLocaleString('en-US')} updates/s, ${QUERY_RATE} pages of history/s`,
    contenders: ['tickwire-stored'],
    measure: (turn) => measureLatency(turn, { ...MARKET, rate, queryRate: QUERY_RATE }),
  };
}

function nearSaturation(): Workload {
  return {
    name: 'latency-near-saturation',
    setting: `${SHARE_OF_SATURATION * 100} % of saturation`,
    contenders: ['tickwire'],
    measure: async (turn) => {
      const saturation = await findSaturation(turn);
      return measureLatency(turn, { ...MARKET, rate: saturation * SHARE_OF_SATURATION });
    },
  };
}

async function measureLatency(turn: Turn, setting: DeliverySetting): Promise<Figures> {
  return { rate: setting.rate, ...(await measureDelivery(turn, setting)) };
}

/** Updates a second processed at full speed. */
function findSaturation(turn: Turn): Promise<number> {
  const setting = { ...MARKET, rate: Number.POSITIVE_INFINITY };
  return openDelivery(turn, setting, async (trial) => {
    const options = { frameUpdates: FRAME_UPDATES, stamp: stampNow(trial) };
    return (await measureFullSpeed(trial, options)).ticksPerSecond;
  });
}
