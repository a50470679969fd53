// Faults of clients that read: each makes the SDK break a promise.
import { firstSocket, on, rewrite, tamper } from './tampering.mjs';

const [WELCOME, SUBSCRIBED, STATS, SYMBOLS, HEARTBEAT] = [16, 19, 20, 22, 24];
const [DIGEST, HISTORY_PAGE, ERROR, RETIRED] = [26, 27, 30, 33];
const [SUBSCRIBE, UNSUBSCRIBE, PING] = [4, 5, 6];
const FULL = 64;

/** The entries of a STATS frame, one array each. */
function split(numbers) {
  const entries = [];
  for (let at = 0; at < numbers.length; ) {
    const fields = [1, 2, 4, 8, 16, 32].filter((bit) => numbers[at + 1] & bit).length;
    entries.push(numbers.slice(at, at + 2 + fields));
    at += 2 + fields;
  }
  return entries;
}

/** Changes the entries of STATS frames; `change` takes one and the ids that had a full one. */
function entries(change) {
  const known = new Set();
  return on(STATS, ([op, time, numbers]) => {
    const changed = split(numbers).map((entry) => {
      const result = change(entry, known);
      if (entry[1] & FULL) known.add(entry[0]);
      return result;
    });
    return [[op, time, changed.flat()]];
  });
}

const withMask = ([id, , ...values], mask) => [id, mask, ...values];

export const READING = {
  'no-subprotocols': () => tamper({ protocols: () => [] }),
  'paths-cut-off': () => tamper({ url: (url) => url.replace('/market', '') }),
  'live-at-open': () =>
    rewrite((message) => [
      message.result === 'connecting' ? { ...message, result: 'live' } : message,
    ]),
  'strict-about-ops': () =>
    tamper({
      received(frame, socket) {
        if (frame[0] <= RETIRED) return [frame];
        socket.terminate();
        return [];
      },
    }),
  'single-precision': () => tamper({ received: entries((entry) => entry.map(Math.fround)) }),
  'ascii-only': () =>
    tamper({
      received: on(SYMBOLS, ([op, named]) => [
        [
          op,
          named
            .map((one) => String(one).replace(/[^ -~]/g, '?'))
            .map((one, i) => (i % 2 ? one : Number(one))),
        ],
      ]),
    }),
  'messages-up-to-1-mib': () => tamper({ options: { maxPayload: 1_048_576 } }),
  'full-as-delta': () =>
    tamper({
      received: entries((entry, known) =>
        known.has(entry[0]) ? withMask(entry, entry[1] & ~FULL) : entry,
      ),
    }),
  'increases-as-values': () =>
    tamper({ received: entries((entry) => withMask(entry, entry[1] | FULL)) }),
  'skipped-deltas'() {
    let deltas = 0;
    tamper({
      received: entries((entry) => ((entry[1] & FULL) === 0 && ++deltas % 3 === 0 ? [] : entry)),
    });
  },
  'invented-state': () =>
    tamper({
      received: entries((entry, known) =>
        known.has(entry[0]) ? entry : withMask(entry, entry[1] | FULL),
      ),
    }),
  'options-left-out': () =>
    tamper({ sent: on(SUBSCRIBE, ([op, id, patterns]) => [[op, id, patterns, {}]]) }),
  'always-live': () =>
    rewrite((message) => [
      message.result?.live === false
        ? { ...message, result: { ...message.result, live: true } }
        : message,
    ]),
  'one-epoch-for-ever'() {
    let epoch;
    tamper({
      received: on(WELCOME, ([op, info]) => {
        epoch ??= info.epoch;
        return [[op, { ...info, epoch }]];
      }),
    });
  },
  'first-session-only'() {
    const isFirst = firstSocket();
    tamper({ received: on(STATS, (frame, socket) => (isFirst(socket) ? [frame] : [])) });
  },
  'subscribes-once'() {
    const isFirst = firstSocket();
    tamper({ sent: on(SUBSCRIBE, (frame, socket) => (isFirst(socket) ? [frame] : [])) });
  },
  'deaf-to-retired': () => tamper({ received: on(RETIRED, () => []) }),
  'never-unsubscribes': () => tamper({ sent: on(UNSUBSCRIBE, () => []) }),
  'short-list': () =>
    rewrite((message) => [
      Array.isArray(message.result) ? { ...message, result: message.result.slice(1) } : message,
    ]),
  'refusals-unseen': () =>
    tamper({
      received: on(SUBSCRIBED, ([op, id, codes, effective]) => [
        [op, id, codes.map(() => 0), effective],
      ]),
    }),
  impatient: () => tamper({ received: on(ERROR, ([...frame]) => [[...frame.slice(0, 5), 1]]) }),
  'errors-without-code': () =>
    rewrite(({ error, ...message }) => [
      error === undefined ? message : { ...message, error: { message: error.message } },
    ]),
  'silent-about-errors': () => rewrite((message) => (message.event === 'error' ? [] : [message])),
  'cannot-close': () => tamper({ isStuck: true }),
  'never-pings': () => tamper({ sent: on(PING, () => []) }),
  'other-digest': () =>
    tamper({ received: on(DIGEST, ([op, id, digest, count]) => [[op, id, digest + 1, count]]) }),
  'blind-verify': () =>
    rewrite((message) => [
      message.result?.equal === false ? { ...message, result: { equal: true } } : message,
    ]),
  'doubled-anomalies': () =>
    rewrite((message) => (message.event === 'anomaly' ? [message, message] : [message])),
  'no-resume-points': () =>
    tamper({
      sent: on(SUBSCRIBE, ([op, id, patterns, options]) => [
        [op, id, patterns, { ...options, since: {} }],
      ]),
    }),
  'history-unread': () =>
    tamper({ received: on(HISTORY_PAGE, ([op, id, symbol]) => [[op, id, symbol, [], false]]) }),
  'silent-about-gaps': () => rewrite((message) => (message.event === 'gap' ? [] : [message])),
  'never-gives-up': () =>
    tamper({
      received(frame, socket) {
        if (frame[0] === WELCOME) {
          const timer = setInterval(() => socket.invent([34]), 100);
          socket.once('close', () => clearInterval(timer));
        }
        return frame[0] === HEARTBEAT ? [] : [frame];
      },
    }),
  'deaf-to-heartbeats': () => tamper({ received: on(HEARTBEAT, () => []) }),
  'heartbeats-alone-count'() {
    const watched = new WeakMap();
    const restart = (socket, heartbeatMs = watched.get(socket).heartbeatMs) => {
      clearTimeout(watched.get(socket)?.timer);
      const timer = setTimeout(() => socket.terminate(), 2.5 * heartbeatMs).unref();
      watched.set(socket, { heartbeatMs, timer });
    };
    tamper({
      received(frame, socket) {
        if (frame[0] === WELCOME) restart(socket, Math.min(frame[1].heartbeatMs, 100_000));
        if (frame[0] === HEARTBEAT) restart(socket);
        return [frame];
      },
    });
  },
  'frames-uncounted': () => tamper({ received: on(HEARTBEAT, () => [[34]]) }),
};
