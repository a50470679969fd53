import { afterEach, describe, expect, it } from 'vitest';
import { connectPublisher, type Publisher, type PublisherOptions } from '../../src/index.ts';

/** A port without a listener, but not one that WebSockets of browsers and of Node refuse to try. */
const NOBODY = '127.0.0.1:65535';
const publishers: Publisher[] = [];

function open(options: PublisherOptions = {}, url = `ws://${NOBODY}`): Publisher {
  const publisher = connectPublisher(url, { giveUpAfterMs: 0, ...options });
  publishers.push(publisher);
  return publisher;
}

afterEach(async () => {
  for (const publisher of publishers.splice(0)) await publisher.close(0).catch(() => undefined);
});

describe('connectPublisher', () => {
  it('takes URLs of all four schemes, also with a path prefix', () => {
    for (const protocol of ['ws', 'wss', 'http', 'https']) {
      expect(open({}, `${protocol}://${NOBODY}/feed/`).state).toBe('connecting');
    }
  });

  it('refuses what is not a URL', () => {
    expect(() => open({}, 'nowhere')).toThrow(TypeError);
    expect(() => open({}, 'ftp://127.0.0.1')).toThrow(TypeError);
  });

  it.each<[string, unknown, string]>([
    ['publisher', '', 'expected 1 to 64 characters of A-Z a-z 0-9 . _ -, got ""'],
    ['publisher', 'a b', 'got "a b"'],
    ['publisher', 'x'.repeat(65), 'expected 1 to 64 characters'],
    ['publisher', 7, 'got 7'],
    ['encoding', 'xml', 'expected "binary" or "json", got "xml"'],
    ['batchTicksMax', 0, 'expected an integer of ticks, 1 to 1048576, got 0'],
    ['batchTicksMax', 1.5, 'got 1.5'],
    ['batchTicksMax', '10', 'got "10"'],
    ['batchDelayMs', -1, 'expected a number of ms, 0 to 60000, got -1'],
    ['batchDelayMs', Number.NaN, 'got NaN'],
    ['bufferTicksMax', 16_777_217, 'expected an integer of ticks, 1 to 16777216'],
    ['bufferedBytesMax', 0, 'expected a number of bytes, 1 or more, got 0'],
    ['connectTimeoutMs', 0, 'expected a number of ms, 1 or more, got 0'],
    ['batchDelay', 1, 'unknown option, did you mean batchDelayMs?'],
    ['name', 'feed-a', 'unknown option, expected one of token, WebSocket'],
    ['giveUpAfterMs', -5, 'expected a number of ms, 0 or more, got -5'],
    ['token', 5, 'expected a string or a function, got 5'],
    ['WebSocket', {}, 'expected a function, got an object'],
    ['signal', 'stop', 'expected an object, got "stop"'],
  ])('refuses a bad %s: %j', (name, value, message) => {
    expect(() => open({ [name]: value })).toThrow(`options.${name}: `);
    expect(() => open({ [name]: value })).toThrow(message);
  });

  it('takes the bounds, and undefined as the default', () => {
    open({
      publisher: `${'x'.repeat(60)}._-9`,
      batchTicksMax: 1_048_576,
      batchDelayMs: 60_000,
      bufferTicksMax: 16_777_216,
      bufferedBytesMax: Number.POSITIVE_INFINITY,
    });
    const absent = { publisher: undefined, batchTicksMax: undefined, giveUpAfterMs: undefined };
    open(absent as unknown as PublisherOptions);
  });
});

describe('publish', () => {
  it.each<[unknown, unknown, unknown, typeof Error, string]>([
    [
      '',
      1,
      1,
      RangeError,
      'symbol: expected a string of 1 to 32 characters, got "", which is empty',
    ],
    ['A*', 1, 1, RangeError, 'got "A*", which contains "*", reserved for patterns'],
    [' A', 1, 1, RangeError, 'which starts or ends with white space'],
    ['x'.repeat(500), 1, 1, RangeError, 'which is longer than 32 characters'],
    [undefined, 1, 1, TypeError, 'symbol: expected a string of 1 to 32 characters, got undefined'],
    ['A', 0, 1, RangeError, 'price: expected a finite number above 0, got 0'],
    ['A', Number.POSITIVE_INFINITY, 1, RangeError, 'got Infinity'],
    ['A', Number.NaN, 1, RangeError, 'got NaN'],
    ['A', '1', 1, TypeError, 'price: expected a finite number above 0, got "1"'],
    ['A', 1n, 1, TypeError, 'got 1n'],
    ['A', 1, -1, RangeError, 'time: expected a finite number of ms since the Unix epoch'],
    ['A', 1, Number.NaN, RangeError, 'got NaN'],
    ['A', 1, new Date(), TypeError, 'got an object'],
    ['A', 1, null, TypeError, 'got null'],
  ])('refuses (%j, %s, %s)', async (symbol, price, time, Fault, message) => {
    const publisher = open();
    const tick = [symbol, price, time] as [string, number, number];
    const publish = () => publisher.publish(...tick);
    expect(publish).toThrow(Fault);
    expect(publish).toThrow(message);
    const good = { symbol: 'B', price: 1 };
    const bad = { symbol, price, time } as { symbol: string; price: number };
    const batch = publisher.publishBatch([good, bad]);
    await expect(batch).rejects.toThrow(Fault);
    await expect(publisher.publishBatch([good, bad])).rejects.toThrow('ticks[1].');
    // Nothing of a batch with a bad tick was taken.
    expect(publisher.totals.sent).toBe(0);
  });

  it('takes everything that the server takes', () => {
    const publisher = open();
    expect(publisher.publish('\u{1F600}'.repeat(32), Number.MIN_VALUE, 0)).toBe(true);
    expect(publisher.publish('a b', Number.MAX_VALUE, 1e15)).toBe(true);
    expect(publisher.publish('A', 1, undefined)).toBe(true);
    expect(() => publisher.alias('*')).toThrow(RangeError);
    expect(publisher.totals.sent).toBe(3);
  });
});
