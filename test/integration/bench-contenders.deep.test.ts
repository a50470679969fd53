import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ChildServer } from '../../bench/contenders/child-server.ts';
import type { Contender, RunningContender } from '../../bench/contenders/contender.ts';
import { ceiling, counter, inline, ws } from '../../bench/contenders/node-servers.ts';
import { tickwire, tickwireConflated, tickwireJson } from '../../bench/contenders/tickwire.ts';
import { InlineSymbol } from '../../bench/servers/inline-symbol.ts';
import type {
  Market,
  Payload,
  PublisherSide,
  SubscriberSide,
  Updates,
} from '../../bench/wires/wire.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { decodeFrame, Op } from '../../src/protocol/index.ts';
import { seededMarket } from '../../testkit/ticks.ts';

// Built by the test script, like the contenders' servers.

const MARKET: Market = { symbols: Array.from({ length: 300 }, (_, i) => `SYM-${i}`) };
const SUBSCRIBED = [0, 5, 299];
const UPDATES = 100;

const hasUws = loadUws().loaded;
let running: RunningContender | undefined;
let sockets: WebSocket[] = [];

afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  sockets = [];
  await running?.stop();
  running = undefined;
});

/** A ready client with one side of the contender's wire. */
async function connect(
  { wire }: Contender,
  side: PublisherSide | SubscriberSide,
  path: string,
  receive: (payload: Payload) => Payload | undefined,
): Promise<WebSocket> {
  const { host, port } = running as RunningContender;
  const socket = new WebSocket(`ws://${host}:${port}${path}`, wire.protocol ?? []);
  sockets.push(socket);
  socket.on('message', (data: Buffer, isBinary) => {
    const answer = receive(isBinary ? data : data.toString());
    if (answer !== undefined) socket.send(answer);
  });
  await once(socket, 'open');
  for (const payload of side.opening()) socket.send(payload);
  await expect.poll(() => side.isReady).toBe(true);
  return socket;
}

async function publisherOf(contender: Contender) {
  const side = contender.wire.publisher(MARKET);
  const socket = await connect(contender, side, contender.wire.publishPath, (payload) =>
    side.receive(payload),
  );
  return { side, socket };
}

/** Updates of subscribed and other symbols in turn. */
function updatesInTurn(count: number): Updates {
  const symbols = [0, 1, 5, 200, 299];
  return {
    symbols: Int32Array.from({ length: count }, (_, i) => symbols[i % symbols.length] as number),
    prices: Float64Array.from({ length: count }, (_, i) => 100 + i / 100),
    times: Float64Array.from({ length: count }, (_, i) => Date.now() + i / 64),
  };
}

const CONTENDERS = [
  tickwire,
  tickwireJson,
  tickwireConflated,
  ws,
  ...(hasUws ? [inline, ceiling, counter] : []),
].map((contender) => [contender.name, contender] as const);

describe.each(CONTENDERS)('the contender %s', (_, contender) => {
  it('takes updates, and delivers each to those who asked for it', async () => {
    expect(await contender.unavailable()).toBeUndefined();
    expect(await contender.version()).toMatch(/\d+\.\d+\.\d+.*Node v/);
    running = await contender.start(MARKET);
    let delivered = 0;
    let newest = 0;
    const receipt = {
      update: (count: number) => {
        delivered += count;
      },
      dueAt: (time: number) => {
        newest = Math.max(newest, time);
      },
    };
    const isFanOut = contender.kinds.has('fan-out');
    if (isFanOut) {
      const subscriber = contender.wire.subscriber(MARKET, SUBSCRIBED);
      await connect(contender, subscriber, contender.wire.streamPath, (payload) =>
        subscriber.receive(payload, receipt),
      );
    }
    const { side, socket } = await publisherOf(contender);
    const first = updatesInTurn(5);
    socket.send(side.encode(first, 0, 5));
    // A session's first entry of a symbol counts once.
    if (isFanOut) await expect.poll(() => delivered).toBe(SUBSCRIBED.length);
    const updates = updatesInTurn(UPDATES);
    for (let i = 0; i < UPDATES; i += 20) socket.send(side.encode(updates, i, i + 20));
    if (isFanOut) {
      await expect.poll(() => delivered).toBe(SUBSCRIBED.length + (UPDATES * 3) / 5);
      await expect.poll(() => newest).toBe(updates.times[UPDATES - 1]);
    }
    // The counter counts messages.
    const processed = contender === counter ? 1 + UPDATES / 20 : 5 + UPDATES;
    await expect.poll(() => running?.processed()).toBe(processed);
    if (contender.name.startsWith('Tickwire')) {
      await expect.poll(() => side.acknowledged).toBe(5 + UPDATES);
    }
    process.kill(running.pid, 0);
    await running.stop();
    expect(() => process.kill((running as RunningContender).pid, 0)).toThrow('ESRCH');
  });
});

describe.skipIf(!hasUws)('the baseline', () => {
  it('delivers the statistics and the anomalies that it works out', async () => {
    running = await inline.start(MARKET);
    const names = SUBSCRIBED.map((index) => MARKET.symbols[index] as string);
    const ticks = seededMarket({ seed: 7, symbols: names, ticks: 3000 });
    const entries = new Map<string, number[]>();
    const anomalies = new Map(names.map((name) => [name, 0]));
    const nameOf = new Map<number, string>();
    const subscriber = inline.wire.subscriber(MARKET, SUBSCRIBED);
    let seen = 0;
    await connect(inline, subscriber, inline.wire.streamPath, (payload) => {
      const [op, ...rest] = decodeFrame(payload);
      if (op === Op.SYMBOLS) {
        const pairs = rest[0] as (number | string)[];
        for (let i = 0; i < pairs.length; i += 2)
          nameOf.set(pairs[i] as number, String(pairs[i + 1]));
      } else if (op === Op.STATS) {
        const [id = -1, mask, ...values] = rest[1] as number[];
        expect(mask).toBe(127);
        entries.set(nameOf.get(id) as string, values);
        seen++;
      } else if (op === Op.ANOMALY) {
        for (const [id, sequence] of rest[1] as [number, number][]) {
          const name = nameOf.get(id) as string;
          expect(sequence).toBe((anomalies.get(name) as number) + 1);
          anomalies.set(name, sequence);
        }
      }
      return subscriber.receive(payload, { update: () => undefined, dueAt: () => undefined });
    });
    const { side, socket } = await publisherOf(inline);
    const updates = {
      symbols: Int32Array.from(ticks, ({ symbol }) => MARKET.symbols.indexOf(symbol)),
      prices: Float64Array.from(ticks, ({ price }) => price),
      times: Float64Array.from(ticks, ({ time }) => time),
    };
    socket.send(side.encode(updates, 0, ticks.length));
    await expect.poll(() => seen).toBe(ticks.length);
    for (const [id, name] of names.entries()) {
      const symbol = new InlineSymbol(id, name);
      for (const tick of ticks) if (tick.symbol === name) symbol.apply(tick.price, tick.time);
      const { price, average, count, time, min, max } = symbol;
      expect(entries.get(name)).toEqual([price, average, count, time, min, max]);
      await expect.poll(() => anomalies.get(name)).toBe(symbol.anomalies);
    }
  });
});

describe('a server that does not start', () => {
  it('says why', async () => {
    const script = "console.error('no licence'); process.exitCode = 3";
    const start = ChildServer.start({ command: process.execPath, args: () => ['-e', script] });
    await expect(start).rejects.toThrow(/ended with 3[\s\S]*no licence/);
  });

  it('says so where it is not installed', async () => {
    const start = ChildServer.start({ command: 'no-such-program-here', args: () => [] });
    await expect(start).rejects.toThrow('ENOENT');
  });
});
