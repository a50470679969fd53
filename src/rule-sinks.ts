import type { GatewayContext } from './gateway/index.ts';
import type { RuleFile } from './rules/index.ts';
import { type AlertSource, type SinkConfig, Sinks } from './sinks/index.ts';

type SinkLogger = ConstructorParameters<typeof Sinks>[0]['log'];

/** The sinks of a rule file, and the alerts that they take: from the log of the gateway. */
export class RuleSinks {
  readonly #sinks: Sinks;
  #context: Pick<GatewayContext, 'alerts' | 'store'> | undefined;

  /** @param directory of the store; undefined: there is none */
  constructor(directory: string | undefined, log: SinkLogger) {
    const store = directory === undefined ? undefined : { directory, alerts: this.#source() };
    this.#sinks = new Sinks({ store, log });
  }

  /** What each sink counts, by its name. */
  get figures(): Sinks['figures'] {
    return this.#sinks.figures;
  }

  /** Takes the alerts of a server from now on. */
  attach(context: Pick<GatewayContext, 'alerts' | 'store'>): void {
    this.#context = context;
    context.alerts.onTaken = (alert, ordinal) => this.#sinks.append(alert, ordinal);
  }

  /** Takes the sinks of the rules that have come into force. */
  configure(sinks: readonly SinkConfig[], rules: RuleFile['rules']): void {
    this.#sinks.configure(
      sinks,
      rules.map(({ name, settings }) => ({ name, hasEpisodes: settings.episode !== null })),
    );
  }

  /**
   * Delivers what waits, for at most `drainMs`.
   *
   * @returns alerts that were not delivered; with a store, the next start delivers them
   */
  stop(drainMs: number): Promise<number> {
    return this.#sinks.stop(drainMs);
  }

  /** Alerts by ordinal, once there is a log. */
  #source(): AlertSource {
    const context = () => {
      if (this.#context === undefined) throw new Error('sinks are not attached to a log');
      return this.#context;
    };
    return {
      get next() {
        return context().alerts.nextOrdinal;
      },
      get durable() {
        const { alerts, store } = context();
        const { nextOrdinal } = alerts;
        return store === undefined ? nextOrdinal : nextOrdinal - store.alerts.waitingCount;
      },
      async from(ordinal, limit) {
        const { alerts } = context();
        const held =
          alerts.arrivedInMemory(ordinal, limit) ?? (await alerts.arrivedFrom(ordinal, limit));
        return (held ?? []).map((each) => ({ alert: each.record, ordinal: each.ordinal }));
      },
    };
  }
}
