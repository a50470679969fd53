import { expect, it } from 'vitest';
import { centrifugoWire } from '../../bench/wires/centrifugo.ts';
import { ScriptedCentrifugo } from '../support/scripted-centrifugo.ts';
import { RecordedReceipt, updatesOf, WireClient } from '../support/wire-client.ts';

const MARKET = { symbols: ['A', 'B', 'C'] };

it('delivers to subscribers, acknowledges to the publisher, answers pings', async () => {
  const server = await ScriptedCentrifugo.startForTest();
  const receipt = new RecordedReceipt();
  const subscribing = centrifugoWire.subscriber(MARKET, [0, 2]);
  const at = server.address;
  const subscriber = await WireClient.subscriber(centrifugoWire, subscribing, at, receipt);
  const publishing = centrifugoWire.publisher(MARKET);
  const publisher = await WireClient.publisher(centrifugoWire, publishing, at);

  const updates = updatesOf([0, 1, 2, 0, 1]);
  publisher.send(publishing.encode(updates, 0, 2));
  publisher.send(publishing.encode(updates, 2, 5));

  await publisher.until(() => publishing.acknowledged === 5);
  await subscriber.until(() => receipt.updates === 3);
  expect(receipt.dueTimes).toEqual([updates.times[0], updates.times[2], updates.times[3]]);
  await subscriber.until(() => server.pongs >= 5);
});

it('publishes data of the size that others do, with ids that differ', () => {
  const publishing = centrifugoWire.publisher(MARKET);
  const updates = updatesOf([1, 2], 7.125);
  const commands = [publishing.encode(updates, 0, 1), publishing.encode(updates, 1, 2)].map(
    (text) => JSON.parse(String(text)) as { id: number; publish: { data: string } },
  );
  expect(commands).toMatchObject([{ publish: { channel: '1' } }, { publish: { channel: '2' } }]);
  expect(commands.map(({ publish }) => JSON.stringify(publish.data).length)).toEqual([40, 40]);
  expect(new Set(commands.map(({ id }) => id)).size).toBe(2);
  expect(commands[0]?.publish.data).toMatch(/^0000000000007\.125U+$/);
});

it('throws what the server refuses', () => {
  const side = centrifugoWire.subscriber(MARKET, [0]);
  const refusal = '{"id":2,"error":{"code":103,"message":"permission denied"}}';
  expect(() => side.receive(refusal, new RecordedReceipt())).toThrow('permission denied');
  expect(side.isReady).toBe(false);
});
