import { expect, it } from 'vitest';
import type { Anomaly } from '../../src/engine/index.ts';
import { ANOMALY_KIND } from '../../src/gateway/fanout/record-kinds.ts';
import { recordMessage, SentRecord } from '../../src/gateway/fanout/record-message.ts';
import { decodeFrame, encodeFrame, Op } from '../../src/protocol/index.ts';

const SERVER_TIME = 1_700_000_000_123.5;

function anomalies(count: number): SentRecord<Anomaly>[] {
  return Array.from({ length: count }, (_, i) => {
    const anomaly: Anomaly = {
      symbol: `S${i}`,
      sequence: i + 1,
      direction: i % 2 === 0 ? 1 : -1,
      reference: 100,
      price: 97.25 + i,
      changePercent: -2.75,
      time: 1_700_000_000_000 + i,
    };
    return new SentRecord(ANOMALY_KIND, anomaly, i, 70_000 * i, i);
  });
}

it.each([0, 1, 15, 16, 1000])('writes %d anomalies as the frame they are', (count) => {
  const sent = anomalies(count);
  const tuples = sent.map(({ record, wireId }) => {
    const { sequence, direction, reference, price, changePercent, time } = record;
    return [wireId, sequence, direction, reference, price, changePercent, time];
  });
  const frame = [21, SERVER_TIME, tuples] as const;
  expect(recordMessage(Op.ANOMALY, sent, SERVER_TIME, 'json')).toBe(encodeFrame(frame, 'json'));
  const message = recordMessage(Op.ANOMALY, sent, SERVER_TIME, 'binary');
  expect(decodeFrame(message)).toEqual(frame);
  expect(Buffer.from(message as Uint8Array)).toEqual(encodeFrame(frame, 'binary'));
});

it('encodes an anomaly once, however many messages carry it', () => {
  const [sent] = anomalies(1) as [SentRecord<Anomaly>];
  const { bytes, text } = sent;
  for (let session = 0; session < 3; session++) {
    recordMessage(Op.ANOMALY, [sent], SERVER_TIME + session, 'binary');
    recordMessage(Op.ANOMALY, [sent], SERVER_TIME + session, 'json');
  }
  expect(sent.bytes).toBe(bytes);
  expect(sent.text).toBe(text);
});

it('keeps no memory of the encoder alive', () => {
  for (const { bytes } of anomalies(3)) expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
});
