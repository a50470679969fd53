import { createSink } from './create-sink.ts';
import { FiringEpisodes } from './firing-episodes.ts';
import type { Sink, SinkLog } from './sink.ts';
import { mayTake, type SinkAlert } from './sink-alert.ts';
import { SinkFigures } from './sink-figures.ts';
import type { SavedSink, SavedSinks } from './sink-positions.ts';
import type { SinkConfig } from './target.ts';

/** A rule as sinks know it. */
export interface SinkRule {
  readonly name: string;
  /** Whether its alerts are steps of episodes, which end; otherwise each stands alone. */
  readonly hasEpisodes: boolean;
}

/** What is in force. */
export interface CrewConfig {
  readonly sinks: readonly (SinkConfig & { readonly figures: SharedArrayBuffer })[];
  readonly rules: readonly SinkRule[];
  /** Where a sink begins that nothing is saved of: ordinal of the next alert to be raised. */
  readonly next: number;
}

interface Member {
  readonly config: SinkConfig;
  readonly sink: Sink;
  /** Those before it are not for this sink. */
  readonly from: number;
}

/** All sinks, on their thread. */
export class SinkCrew {
  readonly #log: SinkLog;
  #members: readonly Member[] = [];
  #rules: readonly SinkRule[] = [];
  /** Ordinal behind the last alert pushed. */
  #next: number;

  /** @param next ordinal of the first alert that will be pushed */
  constructor(log: SinkLog, next: number) {
    this.#log = log;
    this.#next = next;
  }

  /** Replaces what was in force. Sinks that are as before go on; alerts that wait stay. */
  configure({ sinks, rules, next }: CrewConfig, saved: SavedSinks): void {
    this.#rules = rules;
    const old = new Map(this.#members.map((member) => [member.config.settings.name, member]));
    this.#members = sinks.map(({ settings, target, figures }) => {
      const { name } = settings;
      const config = { settings, target };
      const before = old.get(name);
      old.delete(name);
      if (before !== undefined && isSame(before.config, config)) return before;
      return this.#create(
        config,
        new SinkFigures(figures),
        before,
        saved[name] ?? { position: next },
      );
    });
    for (const { sink } of old.values()) sink.close();
    const names = new Set(rules.map((rule) => rule.name));
    for (const { sink } of this.#members) {
      if (sink.outbox instanceof FiringEpisodes) sink.outbox.keepRules(names);
      sink.pump();
    }
  }

  push(alerts: readonly SinkAlert[]): void {
    for (const alert of alerts) {
      for (const { config, sink, from } of this.#members) {
        if (alert.ordinal >= from && mayTake(config.settings, alert.alert)) sink.push(alert);
      }
      this.#next = alert.ordinal + 1;
    }
  }

  /** Sends what is due by the clock. */
  pump(): void {
    for (const { sink } of this.#members) sink.pump();
  }

  /** @param durable ordinal before which alerts are on disk: others may be raised again */
  saved(durable: number): SavedSinks {
    return Object.fromEntries(
      this.#members.map(({ config: { settings }, sink: { outbox }, from }) => {
        const reached = outbox.size === 0 ? this.#next : outbox.position;
        const position = Math.max(from, Math.min(reached, durable));
        const episodes = outbox instanceof FiringEpisodes ? { episodes: outbox.saved } : {};
        return [settings.name, { position, ...episodes }];
      }),
    );
  }

  /** Resolves when all is delivered that can be, or after `ms`; with the alerts that still wait. */
  async drain(ms: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([late, Promise.all(this.#members.map(({ sink }) => sink.drained()))]);
    clearTimeout(timer);
    return this.#members.reduce((sum, { sink }) => sum + sink.outbox.size, 0);
  }

  close(): void {
    for (const { sink } of this.#members) sink.close();
  }

  #create(
    config: SinkConfig,
    figures: SinkFigures,
    before: Member | undefined,
    saved: SavedSink,
  ): Member {
    const hasEpisodes = (rule: string) =>
      this.#rules.find(({ name }) => name === rule)?.hasEpisodes ?? true;
    const outbox = before?.sink.outbox;
    const episodes = outbox instanceof FiringEpisodes ? outbox.saved : saved.episodes;
    const sink = createSink(config, { figures, log: this.#log, hasEpisodes }, episodes);
    if (before === undefined) return { config, sink, from: saved.position };
    before.sink.close();
    for (const alert of before.sink.outbox.undelivered) sink.push(alert);
    return { config, sink, from: before.from };
  }
}

function isSame(a: SinkConfig, b: SinkConfig): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
