import { describe, expect, it } from 'vitest';
import type { ServerStatistics } from '../../loadgen/http-api.ts';
import type { PublishResult } from '../../loadgen/publishers.ts';
import {
  type DeliveryReport,
  type Findings,
  findFailures,
  serverReport,
} from '../../loadgen/report.ts';

const BYTES = {
  firstHalfBytes: 1,
  secondHalfBytes: 1,
  thirdQuarterBytes: 1,
  lastQuarterBytes: 1,
  maxBytes: 1,
};

const PUBLISH: PublishResult = {
  sent: 100,
  accepted: 90,
  rejected: 4,
  dropped: 0,
  resumed: 6,
  unacknowledged: 0,
  reconnects: 1,
  lagMs: 0,
  elapsedMs: 1000,
};

const DELIVERY: DeliveryReport = {
  subscribers: 3,
  verified: 3,
  compared: 2,
  exact: 2,
  frames: 1,
  bytes: 1,
  entries: 1,
  fullEntries: 1,
  updates: 1,
  anomalies: 0,
  anomalyGaps: 0,
  slowAnomalyGaps: 0,
  disordered: 0,
};

const STATISTICS: ServerStatistics = {
  totalProcessed: 90,
  totalRejected: 4,
  totalDropped: 6,
  anomaliesDetected: 0,
  partitions: [{ queueDepth: 0 }],
};

const GOOD: Findings = {
  publish: PUBLISH,
  delivery: DELIVERY,
  isLossless: true,
  statistics: undefined,
};

describe('findFailures', () => {
  it('finds none where every tick is accounted for and every mirror is right', () => {
    expect(findFailures(GOOD)).toEqual([]);
    expect(findFailures({ ...GOOD, statistics: STATISTICS })).toEqual([]);
  });

  it.each<[Partial<PublishResult>, Partial<DeliveryReport>, string]>([
    [{ accepted: 89 }, {}, '1 ticks sent and counted nowhere'],
    [{ accepted: 89, unacknowledged: 1 }, {}, '1 ticks were never acknowledged'],
    [{ accepted: 80, dropped: 10 }, {}, '10 ticks dropped under the policy wait'],
    [{}, { verified: 2 }, '1 subscribers are not in sync'],
    [{}, { exact: 1 }, '1 subscribers do not hold what was published'],
    [{}, { disordered: 5 }, '5 entries went back in time or count'],
  ])('finds %j %j', (publish, delivery, failure) => {
    const failures = findFailures({
      ...GOOD,
      publish: { ...PUBLISH, ...publish },
      delivery: { ...DELIVERY, ...delivery },
    });
    expect(failures).toEqual([failure]);
  });

  it('finds ticks that the server accepted and did not count', () => {
    const statistics = { ...STATISTICS, totalProcessed: 88 };
    expect(findFailures({ ...GOOD, statistics })).toEqual([
      'the server processed or dropped 94 ticks of 96',
    ]);
  });

  it('allows the dropping policies to drop', () => {
    const publish = { ...PUBLISH, accepted: 80, dropped: 10 };
    expect(findFailures({ ...GOOD, publish, isLossless: false })).toEqual([]);
  });
});

describe('serverReport', () => {
  it('divides CPU time by ticks and by entries', () => {
    const usage = { cpuMs: 50, cores: 0.5, ...BYTES };
    expect(serverReport(usage, 1000, 500)).toMatchObject({ cpuUsPerTick: 50, cpuUsPerEntry: 100 });
  });
});
