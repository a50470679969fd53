import { AlertPhase, LEVEL_NAMES } from '../protocol/index.ts';
import { labelsOf, postedAlert } from './formats/alertmanager.ts';
import type { Batch, Outbox } from './outbox.ts';
import { type HasEpisodes, isWanted, type SinkAlert } from './sink-alert.ts';
import type { SinkSettings } from './sink-settings.ts';

/** Alerts in a request. */
const BATCH_MAX = 64;
/** What fires is posted again after this time, as Prometheus does; `resolve_timeout` is longer. */
const RESEND_MS = 60_000;

/** What Alertmanager has, or is to have, under one set of labels. */
interface Firing {
  latest: SinkAlert;
  /** End of the episode, or of its level, ms since the epoch. */
  endedAt: number | undefined;
  /** When Alertmanager first had it as firing, ms since the epoch. */
  firedAt: number | undefined;
  /** Alerts that it does not know of, and when the oldest of them was queued. */
  news: number;
  queuedAt: number;
  /** Whether it is to be posted. */
  isDue: boolean;
  /** When it was posted last, of the monotonic clock. */
  postedAt: number;
  /** Number of its last change: one that came while a request was under way is posted again. */
  version: number;
}

interface Posted {
  readonly key: string;
  readonly version: number;
  readonly isEnd: boolean;
  readonly news: number;
  /** ms since the epoch. */
  readonly at: number;
}

interface FiringBatch extends Batch {
  readonly posted: readonly Posted[];
}

/** As it is kept on disk. */
export type SavedEpisodes = readonly Pick<Firing, 'latest' | 'endedAt' | 'firedAt'>[];

/**
 * What waits for Alertmanager, which wants to know what fires, not what happened: of several alerts
 * of an episode it gets the last. What fires is posted again and again; see `PostedAlert.endsAt`.
 *
 * An alert that is over before Alertmanager tells anybody (`group_wait`) is never told. So each
 * fires for `firingMsMin` at least.
 */
export class FiringEpisodes implements Outbox<FiringBatch> {
  /** Two at a time might overtake each other. */
  readonly requestsMax = 1;
  /** What fires is handed over as {@link saved}. */
  readonly undelivered = [];
  position = 0;
  readonly #settings: SinkSettings;
  readonly #hasEpisodes: HasEpisodes;
  readonly #clock: () => number;
  #changes = 1;
  /** By symbol, rule, level and direction; those posted last are at the end. */
  readonly #firing = new Map<string, Firing>();
  /** By symbol and rule: the key of the open episode above. */
  readonly #open = new Map<string, string>();

  /** @param clock ms since the epoch */
  constructor(
    settings: SinkSettings,
    hasEpisodes: HasEpisodes,
    saved: SavedEpisodes = [],
    clock: () => number = Date.now,
  ) {
    this.#settings = settings;
    this.#hasEpisodes = hasEpisodes;
    this.#clock = clock;
    for (const { latest, endedAt, firedAt } of saved) {
      const key = keyOf(latest);
      this.#firing.set(key, { ...newFiring(latest, 0), endedAt, firedAt, news: 0 });
      if (endedAt === undefined) this.#open.set(episodeOf(latest), key);
    }
  }

  get size(): number {
    let size = 0;
    for (const { news } of this.#firing.values()) size += news;
    return size;
  }

  get saved(): SavedEpisodes {
    return [...this.#firing.values()].map(({ latest, endedAt, firedAt }) => ({
      latest,
      endedAt,
      firedAt,
    }));
  }

  push(alert: SinkAlert, now: number): number {
    this.position = alert.ordinal + 1;
    const episode = episodeOf(alert);
    const key = keyOf(alert);
    const openKey = this.#open.get(episode);
    const isEnd = alert.alert.phase === AlertPhase.END;
    const isNews = isWanted(this.#settings, alert.alert);
    // Its level has changed: Alertmanager knows it by its labels.
    if (openKey !== undefined && (openKey !== key || !isNews)) this.#end(openKey);
    // Of an episode that this sink has not, the end is nothing to tell.
    if (!isNews || (isEnd && openKey !== key)) return 0;
    let firing = this.#firing.get(key);
    const dropped = firing === undefined ? this.#makeRoom() : 0;
    if (firing === undefined || (firing.endedAt !== undefined && !isEnd)) {
      const news = firing?.news ?? 0;
      firing = { ...newFiring(alert, now), news };
      this.#firing.set(key, firing);
    }
    if (firing.news === 0) firing.queuedAt = now;
    firing.latest = alert;
    firing.news += 1;
    this.#touch(firing);
    this.#open.set(episode, key);
    if (isEnd || !this.#hasEpisodes(alert.alert.rule)) this.#end(key);
    return dropped;
  }

  /** Ends what fires of rules that are no longer in force. */
  keepRules(rules: ReadonlySet<string>): void {
    for (const key of this.#open.values()) {
      const rule = this.#firing.get(key)?.latest.alert.rule;
      if (rule !== undefined && !rules.has(rule)) this.#end(key);
    }
  }

  take(now: number): FiringBatch | undefined {
    const due: [string, Firing][] = [];
    for (const entry of this.#firing) {
      const [, { isDue, postedAt }] = entry;
      if (isDue || now - postedAt >= RESEND_MS) due.push(entry);
      if (due.length === BATCH_MAX) break;
    }
    if (due.length === 0) return undefined;
    const wall = this.#clock();
    const alerts = due.map(([, firing]) => {
      const labels = labelsOf(firing.latest.alert, this.#settings.labels);
      return postedAlert(firing.latest, labels, wall, this.#endOf(firing, wall));
    });
    return {
      message: { body: JSON.stringify(alerts), headers: {} },
      alerts: due.reduce((sum, [, { news }]) => sum + news, 0),
      posted: due.map(([key, firing]) => {
        firing.postedAt = now;
        const { version, news, endedAt } = firing;
        return { key, version, news, isEnd: endedAt !== undefined, at: wall };
      }),
    };
  }

  done({ posted }: FiringBatch): void {
    for (const { key, version, news, isEnd, at } of posted) {
      const firing = this.#firing.get(key);
      if (firing === undefined) continue;
      this.#firing.delete(key);
      const isUnchanged = firing.version === version;
      if (isUnchanged && isEnd) continue;
      firing.news -= news;
      firing.firedAt ??= at;
      if (isUnchanged) firing.isDue = false;
      this.#firing.set(key, firing);
    }
  }

  again({ posted }: FiringBatch, expiredBefore: number): number {
    let expired = 0;
    for (const { key } of posted) {
      const firing = this.#firing.get(key);
      if (firing === undefined) continue;
      firing.isDue = true;
      if (firing.endedAt === undefined || firing.queuedAt >= expiredBefore) continue;
      expired += firing.news;
      this.#firing.delete(key);
    }
    return expired;
  }

  /** When it is over, ms since the epoch; undefined while it fires. */
  #endOf({ endedAt, firedAt }: Firing, wall: number): number | undefined {
    if (endedAt === undefined) return undefined;
    return Math.max(endedAt, (firedAt ?? wall) + this.#settings.firingMsMin);
  }

  #end(key: string): void {
    const firing = this.#firing.get(key);
    if (firing === undefined) return;
    firing.endedAt = this.#clock();
    this.#touch(firing);
    this.#open.delete(episodeOf(firing.latest));
  }

  #touch(firing: Firing): void {
    firing.isDue = true;
    firing.version = this.#changes++;
  }

  /** Alertmanager forgets what is not posted again. */
  #makeRoom(): number {
    if (this.#firing.size < this.#settings.queueMax) return 0;
    const [oldest] = this.#firing;
    if (oldest === undefined) return 0;
    const [key, { latest, news }] = oldest;
    this.#firing.delete(key);
    if (this.#open.get(episodeOf(latest)) === key) this.#open.delete(episodeOf(latest));
    return news;
  }
}

function newFiring(latest: SinkAlert, queuedAt: number): Firing {
  return {
    latest,
    endedAt: undefined,
    firedAt: undefined,
    news: 0,
    queuedAt,
    isDue: true,
    postedAt: 0,
    version: 0,
  };
}

function episodeOf({ alert: { symbol, rule } }: SinkAlert): string {
  return `${rule} ${symbol}`;
}

function keyOf(alert: SinkAlert): string {
  const { level, direction } = alert.alert;
  return `${LEVEL_NAMES[level]} ${direction} ${episodeOf(alert)}`;
}
