import type { ContenderKey } from '../contenders/contenders.ts';
import { type DeliverySetting, measureDelivery } from './delivery.ts';
import type { Workload, WorkloadGroup } from './workload.ts';

const EVERYBODY: readonly ContenderKey[] = [
  'tickwire',
  'tickwire-json',
  'tickwire-conflated',
  'inline',
  'ceiling',
  'relay',
  'ws',
  'socket.io',
  'nats',
  'mosquitto',
  'centrifugo',
];
const MAIN: readonly ContenderKey[] = ['tickwire', 'inline', 'ceiling', 'ws', 'nats'];
const LEAST: readonly ContenderKey[] = ['tickwire', 'ceiling'];
const LOW_RATE: readonly ContenderKey[] = ['tickwire', 'ceiling', 'nats', 'centrifugo'];

export const fanOut: WorkloadGroup = {
  name: 'fan-out',
  title: 'Fan-out',
  description:
    'One publisher sends updates at a fixed rate, evenly over all symbols; sessions subscribe to ' +
    'random symbols, each symbol having equally many subscribers. A *delivered update* is a ' +
    'source update that reached a subscriber, alone or conflated into one entry. CPU covers all ' +
    'threads of the server; latency counts from when an update was due.',
  columns: [
    { key: 'cpuPerDelivery', title: 'CPU µs a delivered update', digits: 2 },
    { key: 'cpuPerEntry', title: 'CPU µs an entry', digits: 2 },
    { key: 'cpuPerUpdate', title: 'CPU µs a source update', digits: 1 },
    { key: 'bytesPerEntry', title: 'bytes an entry', digits: 1 },
    { key: 'messagesPerSecond', title: 'messages/s', digits: 0 },
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'deliveredShare', title: 'delivered', digits: 3, isMoreBetter: true },
  ],
  ratio: { column: 'cpuPerDelivery', to: 'ceiling' },
  workloads: [
    deliveryWorkload({ symbols: 200, sessions: 200, perSession: 20, rate: 10_000 }, EVERYBODY),
    deliveryWorkload({ symbols: 200, sessions: 200, perSession: 20, rate: 40_000 }, EVERYBODY),
    deliveryWorkload({ symbols: 200, sessions: 2000, perSession: 10, rate: 2000 }, MAIN),
    deliveryWorkload({ symbols: 1, sessions: 1000, perSession: 1, rate: 200 }, MAIN),
    // Growth: fifty times the sessions, each as before.
    deliveryWorkload({ symbols: 200, sessions: 100, perSession: 4, rate: 1000 }, LEAST),
    deliveryWorkload({ symbols: 200, sessions: 5000, perSession: 4, rate: 1000 }, LEAST),
    // Hardly anything to do: what an idle server takes to deliver one update.
    deliveryWorkload({ symbols: 200, sessions: 100, perSession: 4, rate: 100 }, LOW_RATE),
    deliveryWorkload({ symbols: 200, sessions: 100, perSession: 4, rate: 1 }, LOW_RATE),
  ],
};

function deliveryWorkload(setting: DeliverySetting, contenders: readonly ContenderKey[]): Workload {
  const { symbols, sessions, perSession, rate } = setting;
  const count = (value: number) => value.toLocaleString('en-US');
  return {
    name: `fan-out-${sessions}x${perSession}-of-${symbols}-at-${rate}`,
    setting:
      `${count(sessions)} sessions × ${perSession} of ${symbols} symbols, ` +
      `${count(rate)} updates/s`,
    contenders,
    isQuick: contenders === EVERYBODY,
    measure: (turn) => measureDelivery(turn, setting),
  };
}
