import { describe, expect, it, vi } from 'vitest';
import { CHECKS } from '../../conformance/all-checks.ts';
import { runKit } from '../support/conformance-kit.ts';

/*
 * The kit can fail: the SDK with a fault planted in its WebSocket breaks exactly these promises of
 * those that are checked, the ones named here and some of everyday use.
 */

const EVERYDAY = ['symbol-names', 'resubscribes', 'verify-equal', 'anomalies', 'publish', 'reject'];
/** How long a broken promise is waited for, s; the others are kept at once. */
const PATIENCE_S = 15;

const FAULTS: Readonly<Record<string, readonly string[]>> = {
  'no-subprotocols': ['subprotocol', 'json', 'token'],
  'paths-cut-off': ['path-prefix'],
  'live-at-open': ['welcome-first'],
  'strict-about-ops': ['unknown-ignored', 'publisher-unknown-ignored'],
  'single-precision': [
    'number-widths',
    'exact-numbers',
    'symbol-names',
    'verify-equal',
    'slow-reader',
    'market-with-cuts',
  ],
  'ascii-only': ['symbol-names'],
  'messages-up-to-1-mib': ['large-frames'],
  'full-as-delta': ['full-entries', 'entry-order', 'resubscribes', 'same-epoch'],
  'increases-as-values': ['delta-entries', 'chosen-fields', 'verify-equal'],
  'skipped-deltas': ['delta-entries', 'entry-order', 'exact-numbers', 'verify-equal'],
  'invented-state': ['no-invented-state'],
  'options-left-out': ['chosen-fields', 'resume-point', 'alerts-asked-for'],
  'always-live': ['stale-while-lost'],
  'one-epoch-for-ever': ['new-epoch', 'numbers-begin-again', 'alert-numbers-begin-again'],
  'first-session-only': ['stale-while-lost', 'same-epoch', 'resubscribes', 'server-killed'],
  'subscribes-once': ['resubscribes', 'same-epoch'],
  'deaf-to-retired': ['retired'],
  'never-unsubscribes': ['unsubscribe', 'resubscribes'],
  'short-list': ['symbols-list'],
  'refusals-unseen': ['refused-patterns'],
  impatient: ['rate-limited', 'publisher-rate-limited'],
  'errors-without-code': ['request-errors', 'unknown-error', 'verify-refused'],
  'silent-about-errors': ['other-errors'],
  'cannot-close': ['close'],
  'never-pings': ['ping'],
  'other-digest': ['verify-equal', 'verify-empty', 'verify-at-its-place'],
  'blind-verify': ['verify-unequal'],
  'doubled-anomalies': ['anomalies', 'gap-reported', 'resume-point'],
  'no-resume-points': ['anomalies-over-cuts', 'first-anomaly-in-cut', 'resume-point'],
  'history-unread': ['history', 'history-after-jump'],
  'silent-about-gaps': ['gap-reported'],
  'doubled-alerts': ['alerts', 'alert-gap-reported', 'alert-resume-point'],
  'alerts-in-single-precision': ['alerts'],
  'alerts-unasked': ['alerts-asked-for'],
  'alerts-since-left-out': ['alerts-over-cuts', 'first-alert-in-cut', 'alert-resume-point'],
  'alerts-since-anomalies': ['alerts-over-cuts', 'alert-resume-point'],
  'rule-names-kept': ['rule-ids', 'alerts-over-cuts'],
  'one-alert-page': ['alerts-after-jump'],
  'silent-about-alert-gaps': ['alert-gap-reported'],
  'never-gives-up': ['silence', 'publisher-silence'],
  'deaf-to-heartbeats': ['heartbeats', 'frame-loss'],
  'heartbeats-alone-count': ['any-frame-counts'],
  'frames-uncounted': ['frame-loss'],
  'ends-on-1013': ['error-before-welcome', 'comes-back', 'publisher-comes-back'],
  'ends-on-1006': ['server-comes-later', 'comes-back', 'resubscribes'],
  'ends-below-4500': ['comes-back', 'publisher-comes-back'],
  'never-ends': ['ends', 'publisher-ends'],
  'fights-for-its-name': ['taken-over'],
  'waits-without-chance': ['backoff', 'goaway-jitter'],
  'waits-without-bound': ['backoff-bound'],
  'keeps-its-token': ['token-renewal', 'publisher-token-renewal'],
  'forgets-its-new-token': ['token-renewal', 'publisher-token-renewal'],
  'deaf-to-goaway': ['goaway-jitter'],
  nameless: ['publish'],
  'ticks-in-single-precision': ['exact-ticks'],
  'ticks-before-welcome': ['publish', 'welcome-before-ticks'],
  'resends-what-is-settled': ['resend', 'nothing-to-resend'],
  'takes-sent-for-settled': ['resend'],
  'doubles-after-a-cut': ['resend', 'aliases-declared-again', 'once-over-cuts', 'once-over-kill'],
  'keeps-its-numbers': ['server-started-over'],
  'takes-foreign-for-own': ['foreign-sequence'],
  'aliases-declared-once': ['aliases-declared-again'],
  'credit-ignored': ['credit', 'no-credit', 'once-under-wait'],
  'deaf-to-errors': ['backpressure', 'publisher-rate-limited'],
  'blames-the-first-tick': ['reject'],
  'takes-bad-ticks': ['bad-ticks'],
  'acknowledges-itself': ['flush', 'publisher-close', 'reject'],
  'limits-ignored': ['frame-limits'],
  'counts-twice': ['totals'],
};

// Most of a run is waiting for what does not come.
vi.setConfig({ maxConcurrency: 8 });

describe('a client with a planted fault breaks what it must, and nothing else', () => {
  it.concurrent.each(Object.entries(FAULTS))('%s', { timeout: 300_000 }, async (fault, names) => {
    const planted = './test/conformance/planted/fault.mjs';
    const client = `FAULT=${fault} node --import ${planted} conformance/clients/typescript.mjs`;
    const only = [...new Set([...names, ...EVERYDAY])].flatMap((name) => ['--only', name]);
    const { broken, notSupported } = await runKit(client, only, PATIENCE_S);
    expect(Object.keys(broken).sort()).toEqual([...names].sort());
    expect(notSupported).toEqual([]);
  });
});

it('every promise is broken by some fault', () => {
  const broken = new Set(Object.values(FAULTS).flat());
  expect(CHECKS.map(({ name }) => name).filter((name) => !broken.has(name))).toEqual([]);
});
