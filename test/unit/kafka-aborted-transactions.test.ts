import { Consumer, fetchV13, metadataV12, ResponseError } from '@platformatic/kafka';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NO_LEADER } from '../../src/kafka/client.ts';
import { PlatformaticReader } from '../../src/kafka/platformatic-client.ts';

const TRANSACTIONAL = 0x10;
const MARKER = 0x30;
const ABORT = Buffer.of(0, 0, 0, 0);
const COMMIT = Buffer.of(0, 0, 0, 1);
const LEADER_NOT_AVAILABLE = 5;

type Batch = NonNullable<fetchV13.FetchResponsePartition['records']>[number];
type Aborted = fetchV13.FetchResponsePartition['abortedTransactions'];

function batch(first: number, producer: bigint, attributes: number, texts: string[]): Batch {
  return {
    firstOffset: BigInt(first),
    lastOffsetDelta: texts.length - 1,
    attributes,
    producerId: producer,
    firstTimestamp: 0n,
    records: texts.map((text, i) => ({
      offsetDelta: i,
      timestampDelta: 0n,
      key: Buffer.from('key'),
      value: Buffer.from(text),
    })),
  } as unknown as Batch;
}

function marker(offset: number, producer: bigint, key: Buffer): Batch {
  const made = batch(offset, producer, MARKER, ['marker']);
  for (const record of made.records) record.key = key;
  return made;
}

function connectedReader(): PlatformaticReader {
  vi.spyOn(Consumer.prototype, 'connectToBrokers').mockResolvedValue(new Map([[1, {}]]) as never);
  const connection = { brokers: ['127.0.0.1:1'], clientId: 'test' };
  return new PlatformaticReader({ ...connection, tlsCa: undefined, sasl: undefined });
}

/** What is read of a broker's answer. */
async function read(records: Batch[], abortedTransactions: Aborted) {
  const id = '00000000-0000-0000-0000-000000000001';
  const topics = new Map([['trades', { id, partitions: [{ leader: 1 }] }]]);
  vi.spyOn(Consumer.prototype, 'metadata').mockResolvedValue({ topics } as never);
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 100n, records };
  const asked = vi.spyOn(fetchV13.api, 'async').mockResolvedValue({
    responses: [{ topicId: id, partitions: [{ ...partition, abortedTransactions }] }],
  } as never);
  const reader = connectedReader();
  await reader.leaders(['trades']);
  const [found] = await reader.read(1, [{ topic: 'trades', partition: 0, offset: 0 }]);
  // Up to what is stable, and with the names of aborted transactions.
  const isolation = asked.mock.calls[0]?.[4];
  expect(isolation).toBe(1);
  const texts = found?.messages.map(({ value }) => Buffer.from(value ?? []).toString());
  return { texts, next: found?.next };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('of aborted transactions, a Kafka source leaves out', () => {
  it('one with its marker', async () => {
    const records = [
      batch(0, 7n, TRANSACTIONAL, ['aborted', 'aborted']),
      batch(2, 8n, 0, ['amid']),
      marker(3, 7n, ABORT),
      batch(4, 7n, TRANSACTIONAL, ['committed']),
      marker(5, 7n, COMMIT),
    ];
    const found = await read(records, [{ producerId: 7n, firstOffset: 0n }]);
    expect(found).toEqual({ texts: ['amid', 'committed'], next: 6 });
  });

  it('one whose marker is behind the end of the answer', async () => {
    const records = [
      batch(0, 7n, TRANSACTIONAL, ['committed']),
      marker(1, 7n, COMMIT),
      batch(2, 7n, TRANSACTIONAL, ['aborted']),
    ];
    const found = await read(records, [{ producerId: 7n, firstOffset: 2n }]);
    expect(found).toEqual({ texts: ['committed'], next: 3 });
  });

  it('each of several of one producer, in whatever order they are named', async () => {
    const records = [
      batch(0, 7n, TRANSACTIONAL, ['aborted']),
      marker(1, 7n, ABORT),
      batch(2, 7n, TRANSACTIONAL, ['committed']),
      marker(3, 7n, COMMIT),
      batch(4, 7n, TRANSACTIONAL, ['aborted']),
      marker(5, 7n, ABORT),
      batch(6, 8n, 0, ['last']),
    ];
    const found = await read(records, [
      { producerId: 7n, firstOffset: 4n },
      { producerId: 7n, firstOffset: 0n },
    ]);
    expect(found).toEqual({ texts: ['committed', 'last'], next: 7 });
  });

  it('none where another one was empty: it has a marker, and no name', async () => {
    const records = [
      marker(0, 9n, ABORT),
      batch(1, 7n, TRANSACTIONAL, ['aborted']),
      batch(2, 9n, TRANSACTIONAL, ['committed']),
      marker(3, 9n, COMMIT),
    ];
    const found = await read(records, [{ producerId: 7n, firstOffset: 1n }]);
    expect(found).toEqual({ texts: ['committed'], next: 4 });
  });
});

describe('a partition without a leader', () => {
  it('is named as such beside others, which are read from their leaders', async () => {
    const partition = { leaderEpoch: 0, replicaNodes: [], isrNodes: [], offlineReplicas: [] };
    const response = {
      topics: [
        {
          errorCode: 0,
          name: 'trades',
          topicId: 'id',
          partitions: [
            { ...partition, errorCode: 0, partitionIndex: 2, leaderId: 1 },
            { ...partition, errorCode: LEADER_NOT_AVAILABLE, partitionIndex: 1, leaderId: -1 },
            { ...partition, errorCode: 0, partitionIndex: 0, leaderId: 1 },
          ],
        },
      ],
    };
    const { key, version } = metadataV12.api;
    const at = { '/topics/0/partitions/1': [LEADER_NOT_AVAILABLE, null] };
    const error = new ResponseError(key, version, at as never, response);
    vi.spyOn(Consumer.prototype, 'metadata').mockRejectedValue(error);
    const reader = connectedReader();
    const leaders = await reader.leaders(['trades']);
    const led = [...leaders].map(([leader, each]) => [leader, each.map((one) => one.partition)]);
    expect(new Map(led as [number, number[]][])).toEqual(
      new Map([
        [1, [0, 2]],
        [NO_LEADER, [1]],
      ]),
    );
    await expect(reader.range('trades', 1)).rejects.toThrow('no leader');
  });
});
