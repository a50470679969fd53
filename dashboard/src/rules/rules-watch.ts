import type { HttpApi } from '../http-api.ts';
import { Poller } from '../page/scheduling.ts';
import type { RulesInForce } from './rule-record.ts';
import type { RulesPage } from './rules-page.ts';

/** Pause between two readings, ms: while they are shown, otherwise, and where there are none. */
const WATCHED_MS = 1000;
const ASIDE_MS = 3000;
const IDLE_MS = 15_000;

/** Follows the rules in force, which may change while the page is open. */
export class RulesWatch {
  readonly #api: HttpApi;
  readonly #page: RulesPage;
  readonly #changed: (rules: RulesInForce) => void;
  readonly #poller: Poller;
  #rules: RulesInForce | undefined;

  /**
   * @param isWatched whether the page of rules is shown
   * @param changed called with the first rules, and when others have come into force
   */
  constructor(
    api: HttpApi,
    page: RulesPage,
    isWatched: () => boolean,
    changed: (rules: RulesInForce) => void,
  ) {
    this.#api = api;
    this.#page = page;
    this.#changed = changed;
    const pauseMs = () => {
      if (document.hidden || this.#rules?.since === null) return IDLE_MS;
      return isWatched() ? WATCHED_MS : ASIDE_MS;
    };
    this.#poller = new Poller(
      () => this.#read(),
      pauseMs,
      (sinceMs) => page.setFailing(sinceMs),
    );
  }

  /** Reads them now, and at intervals from then on. */
  refresh(): void {
    this.#poller.now();
  }

  /** The server is another one: what it has counts as changed. */
  reset(): void {
    this.#rules = undefined;
    this.refresh();
  }

  async #read(): Promise<void> {
    const rules = await this.#api.rules();
    const before = this.#rules;
    this.#rules = rules;
    this.#page.show(rules);
    if (before?.since !== rules.since || before?.version !== rules.version) this.#changed(rules);
  }
}
