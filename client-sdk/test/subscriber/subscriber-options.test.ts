import { afterEach, describe, expect, it } from 'vitest';
import {
  connect,
  connectPublisher,
  Field,
  type Subscriber,
  type SubscriberOptions,
  type SubscriptionOptions,
} from '../../src/index.ts';

/** A port without a listener. */
/** Not a port that WebSockets of browsers, and Node's own, refuse to try. */
const URL_OF_NOBODY = 'ws://127.0.0.1:65535';
const subscribers: Subscriber[] = [];

function open(options: unknown = {}): Subscriber {
  const subscriber = connect(URL_OF_NOBODY, options as SubscriberOptions);
  subscribers.push(subscriber);
  return subscriber;
}

afterEach(() => {
  for (const subscriber of subscribers.splice(0)) subscriber.close();
});

/** The error of a call. */
function errorOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return String(error);
  }
  return 'no error';
}

describe('connect', () => {
  it.each<[unknown, string]>([
    [
      { conflateMs: '100' },
      'TypeError: options.conflateMs: expected a number of ms, 0 to 2147483647, got "100"',
    ],
    [{ conflateMs: NaN }, 'RangeError: options.conflateMs: expected a number of ms, 0 to'],
    [{ conflateMs: -1 }, 'RangeError: options.conflateMs: expected'],
    [{ conflateMs: null }, 'got null'],
    [{ conflateMS: 1 }, 'TypeError: options.conflateMS: unknown option, did you mean conflateMs?'],
    [{ conflate: 1 }, 'did you mean conflateMs?'],
    [{ encodng: 'json' }, 'did you mean encoding?'],
    [
      { interval: 1 },
      'TypeError: options.interval: unknown option, expected one of token, WebSocket, encoding, ' +
        'connectTimeoutMs, giveUpAfterMs, signal, conflateMs',
    ],
    [{ toString: 1 }, 'options.toString: unknown option'],
    [{ encoding: 'xml' }, 'TypeError: options.encoding: expected "binary" or "json", got "xml"'],
    [{ encoding: 7 }, 'options.encoding: expected "binary" or "json", got 7'],
    [{ token: 5 }, 'options.token: expected a string or a function, got 5'],
    [{ token: null }, 'options.token: expected a string or a function, got null'],
    [{ signal: 'x' }, 'options.signal: expected an object, got "x"'],
    [
      { connectTimeoutMs: 0 },
      'options.connectTimeoutMs: expected a number of ms, 1 or more, got 0',
    ],
    [{ giveUpAfterMs: '5' }, 'options.giveUpAfterMs: expected a number of ms, 0 or more, got "5"'],
    ['fast', 'TypeError: options: expected an object, got "fast"'],
    [null, 'TypeError: options: expected an object, got null'],
  ])('refuses %j', (options, message) => {
    expect(errorOf(() => open(options))).toContain(message);
  });

  it.each<[unknown, string]>([
    [undefined, 'TypeError: url: expected a string or an object, got undefined'],
    [9001, 'got 9001'],
    [
      'localhost:9001',
      'TypeError: url: expected the URL of a server (ws:, wss:, http: or https:), ' +
        'got "localhost:9001"',
    ],
    [new URL('ftp://h'), 'got "ftp://h/"'],
    ['', 'got ""'],
  ])('refuses the URL %s', (url, message) => {
    expect(errorOf(() => connect(url as string))).toContain(message);
  });

  it('takes undefined as the default, and the bounds', () => {
    open({ conflateMs: undefined, token: undefined, signal: undefined });
    open({ conflateMs: 0, giveUpAfterMs: 0, connectTimeoutMs: Number.POSITIVE_INFINITY });
    open({ signal: AbortSignal.abort(), encoding: 'json' });
  });

  it('does not take the options of a publisher, nor the other way round', () => {
    expect(errorOf(() => open({ publisher: 'a' }))).toContain('unknown option');
    const options = { conflateMs: 5 } as object;
    expect(errorOf(() => connectPublisher(URL_OF_NOBODY, options))).toContain(
      'options.conflateMs: unknown option, did you mean connectTimeoutMs?',
    );
  });
});

describe('subscribe', () => {
  it.each<[unknown, string]>([
    [
      { fields: 64 },
      'RangeError: options.fields: expected an integer of bits of Field, 1 to 63, got 64',
    ],
    [{ fields: 0 }, 'RangeError: options.fields'],
    [{ fields: 1.5 }, 'got 1.5'],
    [{ fields: 'price' }, 'TypeError: options.fields'],
    [{ stats: 'yes' }, 'TypeError: options.stats: expected a boolean, got "yes"'],
    [{ anomalies: 0 }, 'options.anomalies: expected a boolean, got 0'],
    [{ anomaly: false }, 'options.anomaly: unknown option, did you mean anomalies?'],
    [{ conflateMs: 5 }, 'options.conflateMs: unknown option, expected one of stats, anomalies'],
    [{ since: { BTC: 3 } }, 'TypeError: options.since: expected a Map, got an object'],
    [{ since: new Map([['BTC', '3']]) }, 'options.since of BTC: expected an integer of anomalies'],
    [{ since: new Map([['BTC', -1]]) }, 'RangeError: options.since of BTC'],
    [{ alerts: 1 }, 'TypeError: options.alerts: expected a boolean, got 1'],
    [{ alert: true }, 'options.alert: unknown option, did you mean alerts?'],
    [{ alertsSince: 7 }, 'TypeError: options.alertsSince: expected a Map, got 7'],
    [
      { alertsSince: new Map([['BTC', 0.5]]) },
      'RangeError: options.alertsSince of BTC: expected an integer of alerts, 0 or more, got 0.5',
    ],
  ])('refuses %j', (options, message) => {
    const subscribe = () => open().subscribe('BTC', options as SubscriptionOptions);
    expect(errorOf(subscribe)).toContain(message);
  });

  it.each<[unknown, string]>([
    [undefined, 'TypeError: patterns: expected a string or an array of strings, got undefined'],
    [7, 'got 7'],
    [{ symbol: 'BTC' }, 'got an object'],
    [/BTC/, 'got an object'],
    [['BTC', undefined], 'TypeError: patterns[1]: expected a string, got undefined'],
    [[['BTC']], 'patterns[0]: expected a string, got an array'],
  ])('refuses the patterns %j', (patterns, message) => {
    expect(errorOf(() => open().subscribe(patterns as string))).toContain(message);
  });

  it('takes what the server takes', () => {
    const subscriber = open();
    subscriber.subscribe([]);
    subscriber.subscribe('BTC', { fields: Field.PRICE | Field.MAX, since: new Map([['BTC', 0]]) });
    expect(subscriber.subscribe('*', { stats: true }).patterns).toEqual(['*']);
    subscriber.subscribe('BTC', { alerts: true, alertsSince: new Map([['BTC', 0]]) });
  });
});

describe('other calls', () => {
  it('name what they do not know', () => {
    const subscriber = open();
    const publisher = connectPublisher(URL_OF_NOBODY);
    const listen = (to: unknown, name: string, listener: unknown = () => undefined) =>
      errorOf(() => (to as { on(...args: unknown[]): void }).on(name, listener));
    expect(listen(subscriber, 'updates')).toBe(
      'TypeError: on(updates): unknown event, did you mean update?',
    );
    expect(listen(subscriber, 'close')).toBe(
      'TypeError: on(close): unknown event, expected one of update, anomaly, gap, alert, ' +
        'alertGap, state, lag, reset, retired, error',
    );
    expect(listen(subscriber, 'update', undefined)).toContain('no error');
    expect(listen(subscriber, 'update', 'f')).toContain('listener: expected a function, got "f"');
    expect(listen(publisher, 'rejected')).toContain('did you mean reject?');
    void publisher.close(0).catch(() => undefined);
  });

  it('check their numbers', () => {
    const subscriber = open();
    for (const value of ['100', NaN, -1, undefined, Number.POSITIVE_INFINITY]) {
      const set = () => subscriber.setConflateMs(value as number);
      expect(errorOf(set)).toContain('Error: conflateMs: expected a number of ms');
    }
    subscriber.setConflateMs(0);
    const history = (...args: unknown[]) =>
      errorOf(() => subscriber.history(...(args as [string])).catch(() => undefined));
    expect(history(7)).toContain('symbol: expected a string, got 7');
    expect(history('A', -1)).toContain(
      'afterSequence: expected an integer of anomalies, 0 or more',
    );
    expect(history('A', 0, 0)).toContain('limit: expected an integer of anomalies, 1 or more');
  });
});
