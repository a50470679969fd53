// Faults of clients that read alerts: each makes the SDK break a promise.
import { on, rewrite, tamper } from './tampering.mjs';

const [SUBSCRIBE, ALERT, RULES, ALERT_PAGE] = [4, 28, 29, 32];

/** Changes the options of SUBSCRIBE. */
const subscribing = (change) =>
  tamper({
    sent: on(SUBSCRIBE, ([op, id, patterns, options]) => [
      [op, id, patterns, { ...options, ...change(options) }],
    ]),
  });

export const ALERTS = {
  'doubled-alerts': () =>
    rewrite((message) => (message.event === 'alert' ? [message, message] : [message])),
  'alerts-in-single-precision': () =>
    tamper({
      received: on(ALERT, ([op, time, alerts]) => [
        [op, time, alerts.map((alert) => alert.map(Math.fround))],
      ]),
    }),
  'alerts-unasked': () => subscribing(() => ({ alerts: true })),
  'alerts-since-left-out': () => subscribing(() => ({ alertsSince: {} })),
  // One sequence for the alerts and the anomalies of a symbol.
  'alerts-since-anomalies': () => subscribing(({ since }) => ({ alertsSince: since ?? {} })),
  'rule-names-kept'() {
    const names = new Map();
    tamper({
      received: on(RULES, ([op, named]) => {
        const kept = [];
        for (let i = 0; i < named.length; i += 3) {
          const [id, name, kind] = named.slice(i, i + 3);
          if (!names.has(id)) names.set(id, [name, kind]);
          kept.push(id, ...names.get(id));
        }
        return [[op, kept]];
      }),
    });
  },
  'one-alert-page': () =>
    tamper({
      received: on(ALERT_PAGE, ([op, id, symbol, page]) => [[op, id, symbol, page, false]]),
    }),
  'silent-about-alert-gaps': () =>
    rewrite((message) => (message.event === 'alertGap' ? [] : [message])),
};
