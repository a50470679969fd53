import { AnomalyFeed } from '../anomalies/anomaly-feed.ts';
import type { AnomalyEvent } from '../anomalies/anomaly-moves.ts';
import type { HttpApi, Rules } from '../http-api.ts';
import { findPart } from '../page/dom.ts';
import type { RuleRecord } from '../rules/rule-record.ts';
import type { AlertEvent } from './alert-event.ts';
import { AlertFeed } from './alert-feed.ts';

/** Alerts of rules, or anomalies: one of the two lists. */
export class FeedPanel {
  readonly #root: HTMLElement;
  readonly #alerts: AlertFeed;
  readonly #anomalies: AnomalyFeed;
  readonly #alertsSwitch: HTMLInputElement;
  readonly #anomaliesSwitch: HTMLInputElement;
  #isChosen = false;

  /** @param changed called when something must be drawn */
  constructor(
    root: HTMLElement,
    api: HttpApi,
    selected: (symbol: string) => void,
    changed: () => void,
  ) {
    this.#root = root;
    this.#alerts = new AlertFeed(root, api, selected);
    this.#anomalies = new AnomalyFeed(root, api, selected);
    this.#alertsSwitch = findPart(root, 'to-alerts', HTMLInputElement);
    this.#anomaliesSwitch = findPart(root, 'to-anomalies', HTMLInputElement);
    root.addEventListener('change', ({ target }) => {
      if (target instanceof HTMLInputElement) {
        this.#isChosen = true;
        this.#showList();
      }
      changed();
    });
    this.#showList();
  }

  /** Starts over with the server's recent anomalies; without an answer, with live ones only. */
  async loadAnomalies(): Promise<void> {
    await this.#anomalies.load().catch(() => undefined);
  }

  /**
   * Starts over with the server's recent alerts, under these rules. Until the user has chosen, they
   * are listed where there are rules.
   */
  async loadAlerts(rules: readonly RuleRecord[]): Promise<void> {
    if (!this.#isChosen) {
      this.#alertsSwitch.checked = rules.length > 0;
      this.#anomaliesSwitch.checked = rules.length === 0;
      this.#showList();
    }
    await this.#alerts.load(rules).catch(() => undefined);
  }

  setAnomalyRule(rules: Rules): void {
    this.#anomalies.setRules(rules);
  }

  addAlert(event: AlertEvent): void {
    this.#alerts.add(event);
  }

  addAnomaly(event: AnomalyEvent): void {
    this.#anomalies.add(event);
  }

  /** Lists the alerts of one rule. */
  showRule(name: string): void {
    this.#isChosen = true;
    this.#alertsSwitch.checked = true;
    this.#showList();
    this.#alerts.showRule(name);
  }

  /** @param serverTime ms since the epoch */
  draw(nowMs: number, serverTime: number): void {
    if (this.#alertsSwitch.checked) this.#alerts.draw(nowMs, serverTime);
    else this.#anomalies.draw(nowMs);
  }

  #showList(): void {
    const isAlerts = this.#alertsSwitch.checked;
    for (const name of ['alerts-view', 'alert-filters', 'open']) {
      findPart(this.#root, name, HTMLElement).hidden = !isAlerts;
    }
    for (const name of ['anomalies-view', 'rule']) {
      findPart(this.#root, name, HTMLElement).hidden = isAlerts;
    }
  }
}
