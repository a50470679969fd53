import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AlertLevel, AlertPhase } from '../../src/protocol/index.ts';
import { backoffMs, retryAfterMs } from '../../src/sinks/backoff.ts';
import { slackMessage } from '../../src/sinks/formats/slack.ts';
import { sign } from '../../src/sinks/signature.ts';
import { alertJson, idOf, summaryOf } from '../../src/sinks/sink-alert.ts';
import { sampleAlert, sampleEnd } from '../support/sink-samples.ts';

const alone = (alert: ReturnType<typeof sampleAlert>) => ({ alert, ordinal: 0 });

describe('the body of a webhook', () => {
  it('is the record of the HTTP API, with an id', () => {
    expect(alertJson(alone(sampleEnd()))).toEqual({
      id: 'AAPL/2',
      symbol: 'AAPL',
      sequence: 2,
      rule: 'flash',
      episode: 1,
      phase: 'end',
      level: 'critical',
      direction: 'Up',
      reference: 100,
      price: 100.5,
      changePercent: 0.5,
      time: '2026-03-02T14:30:01.750Z',
      startTime: '2026-03-02T14:30:00.250Z',
      peak: 106,
      count: 7,
      reason: 'reverted',
    });
  });

  it('has no reason before the end', () => {
    expect(alertJson(alone(sampleAlert()))).not.toHaveProperty('reason');
  });

  it("names a tenant, whose ids are not another's", () => {
    const alert = sampleAlert({ symbol: '\u0001acme\u0001AAPL' });
    expect(alertJson(alone(alert))).toMatchObject({
      id: 'acme/AAPL/1',
      tenant: 'acme',
      symbol: 'AAPL',
    });
    expect(idOf(sampleAlert({ symbol: 'acme/AAPL' }))).toBe('acme%2FAAPL/1');
  });

  it('has an id that any header may hold', () => {
    expect(idOf(sampleAlert({ symbol: '€/¥ 1' }))).toBe('%E2%82%AC%2F%C2%A5%201/1');
  });
});

describe('the sentence for people', () => {
  it.each([
    [sampleAlert(), 'AAPL up 5 % to 105 (from 100), critical'],
    [
      sampleAlert({ direction: -1, price: 97.25, changePercent: -2.75, level: AlertLevel.WARNING }),
      'AAPL down 2.75 % to 97.25 (from 100), warning',
    ],
    [
      sampleAlert({ phase: AlertPhase.ESCALATE }),
      'AAPL up 5 % to 105 (from 100), critical, escalated',
    ],
    [sampleEnd(), 'AAPL up 6 % to 106 (from 100), critical, over'],
    [
      sampleAlert({ kind: 'stale', direction: 0, changePercent: 0 }),
      'AAPL is stale at 105, critical',
    ],
    [sampleAlert({ symbol: '\u0001acme\u0001X' }), 'acme/X up 5 % to 105 (from 100), critical'],
    [sampleAlert({ changePercent: 1e300 }), 'AAPL up 1.0e+300 % to 105 (from 100), critical'],
  ])('says what happened', (alert, sentence) => {
    expect(summaryOf(alone(alert))).toBe(sentence);
  });
});

describe('a message for Slack', () => {
  it('says one alert in its text', () => {
    expect(slackMessage([alone(sampleEnd())])).toEqual({
      text: 'AAPL up 6 % to 106 (from 100), critical, over',
      mrkdwn: false,
      attachments: [
        {
          color: '#16a34a',
          fallback: 'AAPL up 6 % to 106 (from 100), critical, over',
          text: undefined,
          footer: 'flash · episode 1 · 7 ticks · 1.5 s · reverted · 2026-03-02T14:30:01.750Z',
          ts: 1772461801,
          mrkdwn_in: [],
        },
      ],
    });
  });

  it('says several in lines of their own, and calls nobody', () => {
    const message = slackMessage([
      alone(sampleAlert()),
      alone(sampleAlert({ symbol: '<!channel>' })),
    ]);
    expect(message).toMatchObject({
      text: '2 alerts',
      attachments: [
        { color: '#dc2626', text: 'AAPL up 5 % to 105 (from 100), critical' },
        { text: '&lt;!channel&gt; up 5 % to 105 (from 100), critical' },
      ],
    });
  });
});

describe('a signature', () => {
  it('is an HMAC over time and body', () => {
    const expected = createHmac('sha256', 'secret').update('1772461801.{"a":"€"}').digest('hex');
    expect(sign('secret', '{"a":"€"}', 1772461801999)).toBe(`t=1772461801,v1=${expected}`);
  });
});

describe('the pause before the next attempt', () => {
  it('doubles up to a minute, with full jitter', () => {
    expect([1, 2, 3, 7, 8, 1000].map((failures) => backoffMs(failures, 0.5))).toEqual([
      500, 1000, 2000, 30_000, 30_000, 30_000,
    ]);
    expect(backoffMs(3, 0)).toBe(0);
  });

  it.each([
    ['7', 7000],
    ['0', 0],
    ['86400', 600_000],
    ['Mon, 02 Mar 2026 14:30:05 GMT', 5000],
    ['Mon, 02 Mar 2026 14:29:05 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    [null, undefined],
  ])('is what Retry-After: %s says', (header, ms) => {
    expect(retryAfterMs(header, Date.UTC(2026, 2, 2, 14, 30))).toBe(ms);
  });
});
