import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { asyncApiDocument } from '../../src/http/api-docs/asyncapi-document.ts';
import { type ConnectOptions, IndependentClient } from '../../testkit/independent/client.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { AsyncApiDocument, type Direction } from '../support/async-api-document.ts';
import { ConfigFolder } from '../support/folders.ts';
import { onTransports, startTestServer } from '../support/running-server.ts';
import { unique } from '../support/test-clients.ts';

const PUBLISH = '/v1/publish';
const STREAM = '/v1/stream';

/** A rule that one of the ticks is beyond. */
const RULES = { rules: [{ name: 'leap', kind: 'gap', symbols: ['*'], warning: '10%' }] };

/** Records frames of both directions. */
class RecordingClient extends IndependentClient {
  readonly record: [direction: Direction, frame: readonly unknown[]][] = [];

  static connect(url: string, options: ConnectOptions): Promise<RecordingClient> {
    const socket = IndependentClient.socket(url, options);
    const client = new RecordingClient(socket, options.json ?? false);
    onTestFinished(() => client.close());
    return client.ready();
  }

  override send(frame: readonly unknown[]): void {
    this.record.push(['receive', frame]);
    super.send(frame);
  }

  /** Waits for a later frame of an op. */
  async next(op: number): Promise<void> {
    const count = () =>
      this.record.filter(([way, [first]]) => way === 'send' && first === op).length;
    const before = count();
    await this.until(() => count() > before, `op ${op}`);
  }

  /** Sends a frame and waits for an answer of this op. */
  async ask(frame: readonly unknown[], answer: number): Promise<void> {
    const answered = this.next(answer);
    this.send(frame);
    await answered;
  }

  protected override take(frame: unknown[]): void {
    this.record.push(['send', frame]);
    super.take(frame);
  }
}

/** All frames of a publisher's connection. */
async function publish(publisher: RecordingClient, symbol: string): Promise<void> {
  publisher.send([Op.AUTH, 'a token']);
  publisher.send([Op.ALIAS, 0, [symbol]]);
  await publisher.ask(
    [Op.TICKS, 1, [0, 100, 1_700_000_000_000, symbol, 101, 1_700_000_000_100]],
    Op.ACK,
  );
  await publisher.ask([Op.TICKS, 2, [0, -1, null, 7, 1, null]], Op.REJECT);
  await publisher.ask([Op.PING, 0.5], Op.PONG);
  await publisher.ask([Op.ALIAS, 0, ['*']], Op.ERROR);
  await publisher.next(Op.HEARTBEAT);
}

/** All frames of a subscriber's connection while prices rise. */
async function subscribe(
  subscriber: RecordingClient,
  publisher: RecordingClient,
  symbol: string,
  retire: (symbol: string) => Promise<unknown>,
): Promise<void> {
  subscriber.send([Op.AUTH, 'a token']);
  const since = { [symbol]: 0 };
  const alerts = { alerts: true, alertsSince: since };
  const options = { stats: true, anomalies: true, conflateMs: 1, fields: null, since, ...alerts };
  await subscriber.ask([Op.SUBSCRIBE, 1, [symbol, '* bad'], options], Op.STATS);
  const changes = [Op.STATS, Op.ANOMALY, Op.RULES, Op.ALERT].map((op) => subscriber.next(op));
  publisher.send([Op.TICKS, 3, [symbol, 150, 1_700_000_000_200, 'UNHEARD', 1, null]]);
  await Promise.all(changes);
  await subscriber.ask([Op.VERIFY, 2], Op.DIGEST);
  await subscriber.ask([Op.HISTORY, 3, symbol, 0, 10], Op.HISTORY_PAGE);
  await subscriber.ask([Op.HISTORY, 4, '', 0, 10], Op.ERROR);
  await subscriber.ask([Op.HISTORY, 7, 'NEVER SEEN', 0, 10], Op.HISTORY_PAGE);
  await subscriber.ask([Op.ALERT_HISTORY, 8, symbol, 0, 10], Op.ALERT_PAGE);
  await subscriber.ask([Op.PING, Date.now()], Op.PONG);
  const retired = subscriber.next(Op.RETIRED);
  await retire(symbol);
  await retired;
  await subscriber.ask([Op.SUBSCRIBE, 5, ['*']], Op.SUBSCRIBED);
  await subscriber.ask([Op.UNSUBSCRIBE, 6, [symbol, '']], Op.UNSUBSCRIBED);
  await subscriber.next(Op.HEARTBEAT);
}

onTransports((transport) => {
  it.each([{ json: false }, { json: true }])(
    'every frame of a conversation with all ops is as the AsyncAPI document says ($json)',
    async (options) => {
      const folder = new ConfigFolder();
      onTestFinished(() => folder[Symbol.dispose]());
      folder.write('rules.json', RULES);
      const server = await startTestServer({
        server: { transport, heartbeatMs: 50 },
        rules: { file: join(folder.path, 'rules.json') },
      });
      onTestFinished(() => server.stop());
      const at = `ws://127.0.0.1:${server.port}`;
      const publisher = await RecordingClient.connect(`${at}${PUBLISH}?publisher=all`, options);
      const subscriber = await RecordingClient.connect(`${at}${STREAM}`, options);
      const symbol = unique('ASYNC');
      await publish(publisher, symbol);
      await subscribe(subscriber, publisher, symbol, (retired) =>
        fetch(`http://127.0.0.1:${server.port}/api/prices/${retired}`, { method: 'DELETE' }),
      );
      const farewells = [publisher.next(Op.GOAWAY), subscriber.next(Op.GOAWAY)];
      await Promise.all([server.stop(), ...farewells]);

      const api = new AsyncApiDocument(asyncApiDocument('0.0.0'));
      const seen = new Set<unknown>();
      const told = subscriber.record.flatMap(([way, [op]]) =>
        way === 'send' && op !== Op.HEARTBEAT ? [op] : [],
      );
      expect(subscriber.of(Op.HISTORY_PAGE)[1]).toEqual([27, 7, 'NEVER SEEN', [], false]);
      expect(told.slice(0, 4)).toEqual([Op.WELCOME, Op.SUBSCRIBED, Op.SYMBOLS, Op.STATS]);
      for (const [address, { record, violations }] of [
        [PUBLISH, publisher],
        [STREAM, subscriber],
      ] as const) {
        expect(violations).toEqual([]);
        for (const [direction, frame] of record) {
          expect(api.fault(address, direction, frame), JSON.stringify(frame)).toBeUndefined();
          seen.add(frame[0]);
        }
      }
      const [page] = subscriber.of(Op.ALERT_PAGE);
      // The clock may have ended what started.
      expect(page?.[3]).not.toEqual([]);
      expect(seen).toEqual(new Set(Object.values(Op)));
    },
  );
});
