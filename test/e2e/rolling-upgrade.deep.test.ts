import { describe, expect, onTestFinished, test } from 'vitest';
import { connect, connectPublisher } from '../../client-sdk/src/index.ts';
import { freePort } from '../../testkit/managed-process.ts';
import { findNatsServer, NATS_SOURCE } from '../../testkit/nats-server.ts';
import { isServing, ServerProcess, SMALL } from '../../testkit/server-process.ts';
import { delay, until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import {
  ClusterMarket,
  ClusterSubscriber,
  LEASE_MS,
  NatsCluster,
} from '../support/nats-cluster.ts';

const TICKS_PER_SECOND = 2000;
const JITTER_MS = 1000;
/** Starting anew takes a second of it on a machine at rest. */
const SILENCE_MAX_MS = 20_000;
const DRILL = { timeout: 300_000 };

/** Measures the longest time without an update. */
class SilenceWatch {
  #last = performance.now();
  #longest = 0;

  readonly heard = (): void => {
    this.#longest = Math.max(this.#longest, performance.now() - this.#last);
    this.#last = performance.now();
  };

  /** The longest silence since this was asked last, ms. */
  take(): number {
    this.heard();
    const longest = Math.round(this.#longest);
    this.#longest = 0;
    return longest;
  }
}

const command = await findNatsServer();
/** CI installs it; elsewhere this is left out where it is not installed. */
const isMissing = command === undefined && !process.env.CI;

describe('a rolling upgrade', () => {
  test.skipIf(isMissing)(
    `of a cluster's owners and edges, one by one, loses and repeats nothing${
      isMissing ? ` (needs ${NATS_SOURCE})` : ''
    }`,
    DRILL,
    async ({ annotate }) => {
      if (command === undefined) throw new Error(`not installed: ${NATS_SOURCE}`);
      const cluster = await NatsCluster.start(command);
      onTestFinished(() => cluster.stop());
      const ports = [await freePort(), await freePort()] as const;
      const addEdge = (port: number) =>
        cluster.add('edge', [`--server.port=${port}`, `--server.goawayJitterMs=${JITTER_MS}`]);
      const owners = [await cluster.add('owner'), await cluster.add('owner')];
      const edges = [await addEdge(ports[0]), await addEdge(ports[1])];
      await cluster.ready(...owners, ...edges);
      // Clients of one edge each, which wait for its successor, and one that takes any.
      const markets = ports.map((port, i) => new ClusterMarket(port, `market${i}`, 40, i));
      const subscribers = [
        await ClusterSubscriber.open(ports[0]),
        await ClusterSubscriber.open(ports[1]),
        await ClusterSubscriber.open(ports),
      ];
      onTestFinished(async () => {
        for (const { subscriber } of subscribers) subscriber.close();
        await Promise.all(markets.map(({ publisher }) => publisher.close(100)));
      });
      for (const market of markets) market.start(TICKS_PER_SECOND);
      const watches = subscribers.map(({ subscriber }) => {
        const watch = new SilenceWatch();
        subscriber.on('update', watch.heard);
        return watch;
      });

      const replace = async (old: ServerProcess, start: () => Promise<ServerProcess>) => {
        await delay(1000);
        for (const watch of watches) watch.take();
        old.kill('SIGTERM');
        expect(await old.exited, old.output).toBe(0);
        await cluster.ready(await start());
        await delay(2 * LEASE_MS);
        return watches.map((watch) => watch.take());
      };
      const ofOwners: number[] = [];
      for (const owner of owners) {
        ofOwners.push(...(await replace(owner, () => cluster.add('owner'))));
      }
      const ofEdges: number[][] = [];
      for (const [i, edge] of edges.entries()) {
        ofEdges.push(await replace(edge, () => addEdge(ports[i] as number)));
      }
      for (const market of markets) await market.pause();
      for (const subscriber of subscribers) {
        for (const market of markets) await subscriber.matches(market);
        expect(subscriber.missed).toEqual([]);
      }
      for (const { publisher } of markets) {
        expect(publisher.totals).toMatchObject({ rejected: 0, dropped: 0, unacknowledged: 0 });
      }
      const [[first = 0, beside = 0] = []] = ofEdges;
      const any = Math.max(...ofEdges.map(([, , silence = 0]) => silence));
      await annotate(
        `longest silence: an owner replaced ${Math.max(...ofOwners)} ms; an edge replaced ` +
          `${first} ms at its own clients, ${any} ms at those of any edge, ${beside} ms elsewhere`,
      );
      expect(Math.max(...ofOwners, ...ofEdges.flat())).toBeLessThan(SILENCE_MAX_MS);
      // Clients of the other edge see nothing of it.
      expect(beside).toBeLessThan(first);
      expect(ofEdges[1]?.[0]).toBeLessThan(ofEdges[1]?.[1] ?? 0);
    },
  );

  test(
    'of one process closes the port for a moment, and publishers lose nothing',
    DRILL,
    async ({ annotate }) => {
      const port = await freePort();
      const store = `--store.directory=${folderForTest()}`;
      const start = async () => {
        const server = new ServerProcess([...SMALL, `--server.port=${port}`, store]);
        onTestFinished(async () => void (await server.end()));
        await server.ready(() => isServing(port));
        return server;
      };
      const old = await start();
      const subscriber = connect(`ws://127.0.0.1:${port}`);
      const publisher = connectPublisher(`ws://127.0.0.1:${port}`, { publisher: 'feed' });
      onTestFinished(async () => {
        subscriber.close();
        await publisher.close(100);
      });
      await subscriber.subscribe('*').ready;
      const watch = new SilenceWatch();
      subscriber.on('update', watch.heard);
      let ticks = 0;
      const timer = setInterval(() => {
        if (publisher.publish('ONE', 100 + (ticks % 7))) ticks++;
      }, 5);
      onTestFinished(() => clearInterval(timer));
      await until(() => (subscriber.get('ONE')?.updateCount ?? 0) > 100);
      watch.take();
      const stoppedAt = performance.now();
      old.kill('SIGTERM');
      expect(await old.exited, old.output).toBe(0);
      const stopMs = Math.round(performance.now() - stoppedAt);
      await start();
      const closedMs = Math.round(performance.now() - stoppedAt);
      const count = ticks;
      await until(() => (subscriber.get('ONE')?.updateCount ?? 0) > count);
      clearInterval(timer);
      await publisher.flush();
      await until(() => subscriber.get('ONE')?.updateCount === ticks);
      const silence = watch.take();
      await annotate(
        `stopped in ${stopMs} ms, ready again ${closedMs} ms after the signal; ` +
          `a subscriber heard nothing for ${silence} ms`,
      );
      expect(publisher.totals).toMatchObject({ accepted: ticks, rejected: 0, dropped: 0 });
      expect(silence).toBeLessThan(SILENCE_MAX_MS);
    },
  );
});
