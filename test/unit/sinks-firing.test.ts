import { describe, expect, it } from 'vitest';
import { type Alert, AlertLevel, AlertPhase } from '../../src/protocol/index.ts';
import { FiringEpisodes, type SavedEpisodes } from '../../src/sinks/firing-episodes.ts';
import type { PostedAlert } from '../../src/sinks/formats/alertmanager.ts';
import { START, sampleAlert, sampleEnd, sinkSettings } from '../support/sink-samples.ts';

/** What waits for Alertmanager, with both clocks in hand. */
class Rig {
  now = 0;
  ordinal = 0;
  readonly episodes: FiringEpisodes;

  constructor(
    changes: Readonly<Record<string, unknown>> = {},
    saved?: SavedEpisodes,
    momentary: readonly string[] = [],
  ) {
    const settings = sinkSettings({ format: 'alertmanager', ...changes });
    const hasEpisodes = (rule: string) => !momentary.includes(rule);
    this.episodes = new FiringEpisodes(settings, hasEpisodes, saved, () => START + this.now);
  }

  push(alert: Alert): number {
    return this.episodes.push({ alert, ordinal: this.ordinal++ }, this.now);
  }

  take(): { batch: ReturnType<FiringEpisodes['take']>; posted: readonly PostedAlert[] } {
    const batch = this.episodes.take(this.now);
    return { batch, posted: batch === undefined ? [] : JSON.parse(batch.message.body) };
  }

  /** Posts what is due; Alertmanager takes it. */
  post(): readonly string[] {
    const { batch, posted } = this.take();
    if (batch) this.episodes.done(batch);
    return posted.map(({ labels, endsAt }) => {
      const end = endsAt === undefined ? 'fires' : `ends ${Date.parse(endsAt) - START}`;
      return `${labels.symbol} ${labels.level} ${end}`;
    });
  }
}

const WARNING = sampleAlert({ level: AlertLevel.WARNING });
const ESCALATION = sampleAlert({ phase: AlertPhase.ESCALATE, sequence: 2 });

describe('what waits for Alertmanager', () => {
  it('is an alert with labels and annotations', () => {
    const rig = new Rig({ labels: { env: 'prod' } });
    rig.push(sampleAlert());
    expect(rig.take().posted).toEqual([
      {
        labels: {
          env: 'prod',
          alertname: 'flash',
          symbol: 'AAPL',
          level: 'critical',
          direction: 'Up',
        },
        annotations: {
          summary: 'AAPL up 5 % to 105 (from 100), critical',
          price: '105',
          reference: '100',
          changePercent: '5',
          peak: '105',
          count: '1',
          time: '2026-03-02T14:30:00.250Z',
          startTime: '2026-03-02T14:30:00.250Z',
          episode: '1',
          sequence: '1',
        },
        startsAt: '2026-03-02T14:30:00.250Z',
      },
    ]);
  });

  it('fires until the end, but as long as anybody is told', () => {
    const rig = new Rig();
    rig.push(sampleAlert());
    expect(rig.post()).toEqual(['AAPL critical fires']);
    rig.now = 5000;
    rig.push(sampleEnd());
    expect(rig.post()).toEqual(['AAPL critical ends 60000']);
    rig.now = 500_000;
    expect(rig.post()).toEqual([]);
  });

  it('is over at the end where it fired long enough', () => {
    const rig = new Rig();
    rig.push(sampleAlert());
    rig.post();
    rig.now = 70_000;
    rig.push(sampleEnd());
    expect(rig.post()).toEqual(['AAPL critical ends 70000']);
  });

  it('is posted again every minute while it fires', () => {
    const rig = new Rig();
    rig.push(sampleAlert());
    const posted = [0, 59_999, 60_000, 119_999, 120_000].map((now) => {
      rig.now = now;
      return rig.post().length;
    });
    expect(posted).toEqual([1, 0, 1, 0, 1]);
  });

  it('changes its labels when it escalates: what had the old ones ends', () => {
    const rig = new Rig({ firingMsMin: 0 });
    rig.push(WARNING);
    expect(rig.post()).toEqual(['AAPL warning fires']);
    rig.now = 3000;
    rig.push(ESCALATION);
    expect([...rig.post()].sort()).toEqual(['AAPL critical fires', 'AAPL warning ends 3000']);
    rig.now = 4000;
    rig.push(sampleEnd());
    expect(rig.post()).toEqual(['AAPL critical ends 4000']);
  });

  it('ends when it reaches a level that the sink does not want', () => {
    const rig = new Rig({ firingMsMin: 0, levels: ['warning'] });
    rig.push(WARNING);
    rig.post();
    rig.now = 3000;
    rig.push(ESCALATION);
    expect([rig.post(), rig.post()]).toEqual([['AAPL warning ends 3000'], []]);
    rig.push(sampleEnd());
    expect(rig.post()).toEqual([]);
  });

  it('is posted with the end alone where it is over before the first request', () => {
    const rig = new Rig();
    rig.push(sampleAlert());
    rig.push(sampleEnd());
    rig.now = 20_000;
    expect(rig.episodes.size).toBe(2);
    expect(rig.post()).toEqual(['AAPL critical ends 80000']);
    expect(rig.episodes.size).toBe(0);
  });

  it('ends by itself where a rule has no episodes', () => {
    const rig = new Rig({}, undefined, ['flash']);
    rig.push(sampleAlert());
    expect(rig.post()).toEqual(['AAPL critical ends 60000']);
    rig.now = 30_000;
    rig.push(sampleAlert({ sequence: 2, episode: 2 }));
    expect(rig.post()).toEqual(['AAPL critical ends 90000']);
  });

  it('is posted once more where it changed while a request was under way', () => {
    const rig = new Rig({ firingMsMin: 0 });
    rig.push(sampleAlert());
    const { batch } = rig.take();
    rig.now = 100;
    rig.push(sampleEnd());
    if (batch) rig.episodes.done(batch);
    expect(rig.episodes.size).toBe(1);
    expect([rig.post(), rig.episodes.size]).toEqual([['AAPL critical ends 100'], 0]);
  });

  it('waits when a request fails, and is given up only once it is over', () => {
    const rig = new Rig();
    rig.push(sampleAlert());
    rig.push(sampleAlert({ symbol: 'B' }));
    rig.push(sampleEnd());
    const { batch } = rig.take();
    expect(batch && rig.episodes.again(batch, 1)).toBe(2);
    expect([rig.episodes.size, rig.post()]).toEqual([1, ['B critical fires']]);
  });

  it('is bounded: what fired first goes', () => {
    const rig = new Rig({ queueMax: 2 });
    const dropped = ['A', 'B', 'C'].map((symbol) => rig.push(sampleAlert({ symbol })));
    expect([dropped, rig.post()]).toEqual([
      [0, 0, 1],
      ['B critical fires', 'C critical fires'],
    ]);
  });

  it('goes on after a restart, and ends where its rule is gone', () => {
    const before = new Rig();
    before.push(sampleAlert());
    before.push(sampleAlert({ symbol: 'B', rule: 'run' }));
    before.post();
    const saved = JSON.parse(JSON.stringify(before.episodes.saved)) as SavedEpisodes;
    const rig = new Rig({ firingMsMin: 0 }, saved);
    rig.episodes.keepRules(new Set(['run']));
    expect(rig.post()).toEqual(['AAPL critical ends 0', 'B critical fires']);
    rig.now = 10;
    rig.push(sampleEnd({ symbol: 'B', rule: 'run' }));
    expect(rig.post()).toEqual(['B critical ends 10']);
  });

  it('never starts after it ends: ticks may be ahead of the clock', () => {
    const rig = new Rig({ firingMsMin: 0 });
    rig.now = -4000;
    rig.push(sampleAlert());
    rig.push(sampleEnd());
    const [posted] = rig.take().posted;
    expect(Date.parse(posted?.startsAt ?? '')).toBe(START - 4000);
  });
});
