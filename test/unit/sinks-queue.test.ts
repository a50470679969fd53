import { describe, expect, it } from 'vitest';
import { AlertQueue } from '../../src/sinks/alert-queue.ts';
import { sinkAlert } from '../support/sink-samples.ts';

function queueOf(options: { max?: number; batchMax?: number } = {}): AlertQueue {
  const format = (alerts: readonly { ordinal: number }[]) => ({
    body: alerts.map(({ ordinal }) => ordinal).join(),
    headers: {},
  });
  return new AlertQueue({ max: 10, requestsMax: 4, batchMax: 1, ...options, format });
}

/** Pushes alerts of these symbols, with ordinals from 0. */
function filled(queue: AlertQueue, symbols: string): number {
  let dropped = 0;
  for (const [ordinal, symbol] of [...symbols].entries()) {
    dropped += queue.push(sinkAlert(ordinal, { symbol }), ordinal);
  }
  return dropped;
}

const body = (queue: AlertQueue) => queue.take()?.message.body;

describe('a queue of alerts', () => {
  it('sends one alert of a symbol at a time', () => {
    const queue = queueOf();
    filled(queue, 'AABAC');
    const first = queue.take();
    expect(first?.message.body).toBe('0');
    expect([body(queue), body(queue), body(queue)]).toEqual(['2', '4', undefined]);
    if (first) queue.done(first);
    expect(body(queue)).toBe('1');
  });

  it('tries others before a symbol whose alert failed, then each once', () => {
    const queue = queueOf();
    filled(queue, 'ABA');
    const order = [];
    for (let i = 0; i < 5; i++) {
      const batch = queue.take();
      order.push(batch?.message.body);
      if (batch) queue.again(batch, 0);
    }
    expect(order).toEqual(['0', '1', '0', '1', '0']);
    expect(queue.size).toBe(3);
  });

  it('drops the oldest that waits when it is full, not what is under way', () => {
    const queue = queueOf({ max: 3 });
    queue.push(sinkAlert(0, { symbol: 'A' }), 0);
    const first = queue.take();
    const dropped = [1, 2, 3, 4].map((ordinal) =>
      queue.push(sinkAlert(ordinal, { symbol: 'A' }), 0),
    );
    expect(dropped).toEqual([0, 0, 0, 1]);
    if (first) queue.done(first);
    expect([body(queue), queue.size]).toEqual(['2', 3]);
  });

  it('gives up alerts that waited too long', () => {
    const queue = queueOf({ batchMax: 5 });
    filled(queue, 'AB');
    const batch = queue.take();
    expect(batch && queue.again(batch, 1)).toBe(1);
    expect([body(queue), queue.size]).toEqual(['1', 1]);
  });

  it('puts alerts of a symbol into a request in order, and never around one that waits', () => {
    const queue = queueOf({ batchMax: 4 });
    filled(queue, 'AABAB');
    const first = queue.take();
    expect(first?.message.body).toBe('0,1,2,3');
    expect(queue.take()).toBeUndefined();
    if (first) queue.done(first);
    expect(body(queue)).toBe('4');
  });

  it('knows the first alert that is not delivered', () => {
    const queue = queueOf();
    expect(queue.position).toBe(0);
    filled(queue, 'ABC');
    const [a, b] = [queue.take(), queue.take()];
    if (b) queue.done(b);
    expect(queue.position).toBe(0);
    expect(queue.undelivered.map(({ ordinal }) => ordinal)).toEqual([0, 2]);
    if (a) queue.done(a);
    expect(queue.position).toBe(2);
    const c = queue.take();
    if (c) queue.done(c);
    expect([queue.position, queue.size]).toEqual([3, 0]);
  });

  it('keeps order and number whatever happens to its requests', () => {
    const queue = queueOf({ max: 500 });
    const open: NonNullable<ReturnType<AlertQueue['take']>>[] = [];
    const delivered: string[] = [];
    let state = 12345;
    const random = (below: number) => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return Math.floor((state / 2147483648) * below);
    };
    let dropped = 0;
    const pushed = 20_000;
    for (let ordinal = 0; ordinal < pushed || queue.size > 0; ) {
      if (ordinal < pushed && random(3) > 0) {
        dropped += queue.push(sinkAlert(ordinal, { symbol: `S${random(20)}` }), 0);
        ordinal += 1;
      }
      if (open.length < 4) {
        const batch = queue.take();
        if (batch) open.push(batch);
      }
      const [batch] = random(2) === 0 ? open.splice(random(open.length), 1) : [];
      if (batch === undefined) continue;
      if (random(4) === 0) queue.again(batch, 0);
      else {
        queue.done(batch);
        delivered.push(
          ...batch.entries.map(({ alert }) => `${alert.alert.symbol} ${alert.ordinal}`),
        );
      }
    }
    expect(delivered.length + dropped).toBe(pushed);
    const last = new Map<string, number>();
    for (const [symbol = '', ordinal] of delivered.map((each) => each.split(' '))) {
      expect(Number(ordinal)).toBeGreaterThan(last.get(symbol) ?? -1);
      last.set(symbol, Number(ordinal));
    }
  });
});
