import type { HttpApi } from '../http-api.ts';
import { findPart, setText } from '../page/dom.ts';
import { formatChange } from '../page/format.ts';
import { hasEpisodes } from '../rules/episode-rules.ts';
import type { RuleRecord } from '../rules/rule-record.ts';
import { type AlertEpisode, AlertEpisodes } from './alert-episodes.ts';
import { type AlertEvent, type AlertLevel, toAlertEvent } from './alert-event.ts';
import { EpisodeView } from './episode-view.ts';

const EPISODES_MAX = 1000;
const LINES_MAX = 200;
/** Least time between announcements to screen readers, ms. */
const ANNOUNCE_MS = 10_000;
/** Least time between drawings, ms: bursts must stay readable. */
const DRAW_MS = 200;

/** Alerts of rules, a line an episode. */
export class AlertFeed {
  readonly #root: HTMLElement;
  readonly #api: HttpApi;
  readonly #selected: (symbol: string) => void;
  readonly #list: HTMLElement;
  readonly #rule: HTMLSelectElement;
  readonly #level: HTMLSelectElement;
  readonly #announcement: HTMLElement;
  readonly #episodes: AlertEpisodes;
  readonly #views = new Map<string, EpisodeView>();
  #rules: readonly RuleRecord[] = [];
  /** Live alerts that arrived before the past ones have. */
  #waiting: AlertEvent[] | undefined = [];
  #isChanged = true;
  #drawnVersion = -1;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #unannounced = 0;
  #newest: AlertEpisode | undefined;

  constructor(root: HTMLElement, api: HttpApi, selected: (symbol: string) => void) {
    this.#root = root;
    this.#api = api;
    this.#selected = selected;
    this.#list = findPart(root, 'episodes', HTMLElement);
    this.#rule = findPart(root, 'alert-rule', HTMLSelectElement);
    this.#level = findPart(root, 'alert-level', HTMLSelectElement);
    this.#announcement = findPart(root, 'alert-announcement', HTMLElement);
    this.#episodes = new AlertEpisodes(EPISODES_MAX, (rule, symbol) =>
      hasEpisodes(this.#rules, rule, symbol),
    );
    for (const select of [this.#rule, this.#level]) {
      select.addEventListener('change', () => {
        this.#isChanged = true;
      });
    }
  }

  /**
   * Starts over with the server's recent alerts, under these rules.
   *
   * @throws Error if the server does not answer
   */
  async load(rules: readonly RuleRecord[]): Promise<void> {
    this.#rules = rules;
    const waiting = [...(this.#waiting ?? [])];
    this.#waiting = waiting;
    this.#episodes.clear();
    try {
      const past = (await this.#api.recentAlerts()).map(toAlertEvent);
      if (this.#waiting === waiting) for (const event of past) this.#episodes.add(event);
    } finally {
      if (this.#waiting === waiting) {
        this.#waiting = undefined;
        for (const event of waiting) this.add(event);
        this.#isChanged = true;
      }
    }
  }

  /** Takes a live alert. */
  add(event: AlertEvent): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(event);
      return;
    }
    const news = this.#episodes.add(event);
    if (news === undefined) return;
    this.#unannounced++;
    this.#newest = news;
  }

  /** Shows the alerts of one rule only. */
  showRule(name: string): void {
    this.#offerRules(name);
    this.#rule.value = name;
    this.#level.value = '';
    this.#isChanged = true;
  }

  /** Draws what changed. @param serverTime ms since the epoch */
  draw(nowMs: number, serverTime: number): void {
    if (nowMs - this.#drawnAtMs < DRAW_MS) return;
    this.#drawnAtMs = nowMs;
    const isNew = this.#episodes.version !== this.#drawnVersion || this.#isChanged;
    this.#drawnVersion = this.#episodes.version;
    this.#isChanged = false;
    if (isNew) this.#offerRules(this.#rule.value);
    const shown = this.#shown();
    if (isNew) this.#place(shown);
    for (const episode of shown) this.#views.get(episode.key)?.show(episode, serverTime);
    if (isNew) this.#showCounts(shown.length === 0);
    this.#announce(nowMs);
  }

  #shown(): readonly AlertEpisode[] {
    const rule = this.#rule.value || undefined;
    const level = (this.#level.value || undefined) as AlertLevel | undefined;
    return this.#episodes.list({ rule, level }).slice(0, LINES_MAX);
  }

  /** Lines keep their episode: what has the focus does not become another one. */
  #place(shown: readonly AlertEpisode[]): void {
    const keys = new Set(shown.map(({ key }) => key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    let before: Element | null = this.#list.firstElementChild;
    for (const { key } of shown) {
      const view = this.#views.get(key) ?? new EpisodeView(this.#selected);
      this.#views.set(key, view);
      if (view.element === before) before = before.nextElementSibling;
      else this.#list.insertBefore(view.element, before);
    }
  }

  /** Rules in force, then others that alerts were raised by; the chosen one stays. */
  #offerRules(chosen: string): void {
    const inForce = this.#rules.map(({ name }) => name);
    const names = [...new Set([...inForce, ...this.#episodes.rules(), chosen])];
    const options = names.filter((name) => name !== '');
    const offered = [...this.#rule.options].slice(1).map(({ value }) => value);
    if (options.join() === offered.join()) return;
    const all = this.#rule.options[0] as HTMLOptionElement;
    this.#rule.replaceChildren(all, ...options.map((name) => new Option(name, name)));
    this.#rule.value = chosen;
  }

  #showCounts(isEmpty: boolean): void {
    const { warning, critical } = this.#episodes.openCounts();
    const open = warning + critical;
    const worse = critical > 0 && open > critical ? `, ${critical} critical` : '';
    const all = critical > 0 && open === critical ? ' critical' : '';
    setText(findPart(this.#root, 'open', HTMLElement), `${open || 'None'}${all} open${worse}`);
    const isFiltered = this.#rule.value !== '' || this.#level.value !== '';
    const isWithout = this.#rules.length === 0 && !isFiltered;
    findPart(this.#root, 'no-rules', HTMLElement).hidden = !(isEmpty && isWithout);
    const none = findPart(this.#root, 'no-alerts', HTMLElement);
    none.hidden = !isEmpty || isWithout;
    setText(none, isFiltered ? 'None of this rule and level.' : 'None so far.');
  }

  #announce(nowMs: number): void {
    const newest = this.#newest;
    if (newest === undefined || nowMs - this.#announcedAtMs < ANNOUNCE_MS) return;
    this.#announcedAtMs = nowMs;
    const { level, symbol, direction, peakPercent, rule } = newest;
    const change = direction === 'none' ? '' : ` ${formatChange(peakPercent)}`;
    const others = this.#unannounced > 1 ? ` and ${this.#unannounced - 1} others` : '';
    this.#newest = undefined;
    this.#unannounced = 0;
    setText(this.#announcement, `${level}: ${symbol}${change}, ${rule}${others}`);
  }
}
