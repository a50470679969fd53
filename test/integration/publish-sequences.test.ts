import { expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import {
  pairForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });

  it('acknowledges a duplicate frame and does not apply it', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    for (const sequence of [1, 2, 1, 2, 2, 3]) {
      publisher.send([Op.TICKS, sequence, [symbol, sequence, TIME + sequence]]);
    }
    expect(await publisher.acknowledged(3)).toMatchObject({ accepted: 3, rejected: 0 });
    const acksBefore = publisher.acks.length;
    publisher.send([Op.TICKS, 1, [symbol, 99, TIME]]);
    await publisher.until(() => publisher.acks.length > acksBefore, 'the ACK of the duplicate');
    expect(publisher.lastAck).toMatchObject({ sequence: 3, accepted: 3 });
    await subscriber.counted(symbol, 3);
    const verified = await subscriber.verify();
    expect(verified.digest).toBe(verified.ownDigest);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ count: 3, max: 3 });
  });

  it('refuses a skipped sequence with ERROR 13 and 4005; the publisher resumes', async () => {
    const [symbol, name] = [unique('S'), unique('feed')];
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol]);
    const first = await publisherForTest(server.port, name);
    first.send([Op.TICKS, 1, [symbol, 1, TIME]]);
    first.send([Op.TICKS, 3, [symbol, 3, TIME + 3]]);
    // In flight when the gap is found: ignored too.
    first.send([Op.TICKS, 2, [symbol, 2, TIME + 2]]);
    expect((await first.closing()).code).toBe(4005);
    const [error] = first.of(Op.ERROR);
    expect(error?.slice(0, 3)).toEqual([Op.ERROR, null, Code.sequence_gap]);
    expect(error?.slice(4)).toEqual([true, null]);

    const second = await publisherForTest(server.port, name);
    expect(second.welcome.sequence).toBe(1);
    for (const sequence of [2, 3]) {
      second.send([Op.TICKS, sequence, [symbol, sequence, TIME + sequence]]);
    }
    expect(await second.acknowledged(3)).toMatchObject({ accepted: 2 });
    await subscriber.counted(symbol, 3);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ count: 3, price: 3, average: 2 });
  });

  it('applies every tick once, however often connections are cut and frames resent', async () => {
    const [symbol, name] = [unique('S'), unique('feed')];
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol]);
    const frames = 400;
    let rounds = 0;
    for (let last = 0; last < frames; rounds++) {
      const publisher = await publisherForTest(server.port, name);
      const from = publisher.welcome.sequence as number;
      expect(from).toBeGreaterThanOrEqual(last);
      const to = Math.min(frames, from + 60);
      for (let sequence = Math.max(1, from - 3); sequence <= to; sequence++) {
        publisher.send([Op.TICKS, sequence, [symbol, sequence, TIME + sequence]]);
      }
      await publisher.acknowledged(Math.min(to, from + 20));
      last = publisher.lastAck.sequence;
      // Disconnects at any point: partly acknowledged, partly sent.
      publisher.close();
    }
    expect(rounds).toBeGreaterThan(5);
    await subscriber.counted(symbol, frames);
    const closing = await publisherForTest(server.port, name);
    expect(closing.welcome.sequence).toBe(frames);
    const verified = await subscriber.verify();
    expect(verified.digest).toBe(verified.ownDigest);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ count: frames, price: frames, min: 1 });
  });

  it('closes the older connection of a name with 4004 and takes nothing more of it', async () => {
    const [symbol, name] = [unique('S'), unique('feed')];
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol]);
    const older = await publisherForTest(server.port, name);
    older.send([Op.TICKS, 1, [symbol, 1, TIME]]);
    await older.acknowledged(1);
    const newer = await publisherForTest(server.port, name);
    expect(newer.welcome.sequence).toBe(1);
    older.send([Op.TICKS, 2, [symbol, 100, TIME]]);
    expect((await older.closing()).code).toBe(4004);
    newer.send([Op.TICKS, 2, [symbol, 2, TIME]]);
    expect(await newer.acknowledged(2)).toMatchObject({ accepted: 1 });
    await subscriber.counted(symbol, 2);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ count: 2, max: 2 });
  });

  it('keeps the sequences of different names apart', async () => {
    const symbol = unique('S');
    const names = [unique('feed'), unique('feed')];
    for (const name of names) {
      const publisher = await publisherForTest(server.port, name);
      publisher.send([Op.TICKS, 1, [symbol, 1, TIME]]);
      expect(await publisher.acknowledged(1)).toMatchObject({ sequence: 1, accepted: 1 });
    }
  });

  it('starts a name at 1: a first frame with another sequence is a gap', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.TICKS, 2, ['x', 1, TIME]]);
    expect((await publisher.closing()).code).toBe(4005);
  });

  it('does not consume the sequence of a frame that it cannot read', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.TICKS, 1, ['x', 1]]);
    const [error] = await publisher.received(Op.ERROR);
    expect(error?.[2]).toBe(Code.bad_frame);
    publisher.send([Op.TICKS, 1, ['x', 1, TIME]]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 1 });
  });
});
