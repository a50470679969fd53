import type { HttpApi } from '../http-api.ts';
import { findPart } from '../page/dom.ts';
import { Poller } from '../page/scheduling.ts';
import type { ClusterPage } from './cluster-page.ts';

/** Pause between two readings, ms: while they are shown, and otherwise. */
const WATCHED_MS = 1000;
const ASIDE_MS = 60_000;

/** Follows the cluster that the server is a member of, if it is of one. */
export class ClusterWatch {
  readonly #api: HttpApi;
  readonly #page: ClusterPage;
  readonly #poller: Poller;
  #isBegun = false;

  /** @param isWatched whether the page of the cluster is shown */
  constructor(api: HttpApi, page: ClusterPage, isWatched: () => boolean) {
    this.#api = api;
    this.#page = page;
    this.#poller = new Poller(
      () => this.#read(),
      () => (isWatched() && !document.hidden ? WATCHED_MS : ASIDE_MS),
      (sinceMs) => page.setFailing(sinceMs),
    );
  }

  /** Reads it for the first time, once it is known that the token is an operator's. */
  begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#poller.now();
  }

  /** Reads it now, if it was read before. */
  refresh(): void {
    if (this.#isBegun) this.#poller.now();
  }

  async #read(): Promise<void> {
    const cluster = await this.#api.cluster();
    const link = findPart(document, 'cluster-link', HTMLElement);
    link.hidden = cluster.name === null;
    if (cluster.name !== null) this.#page.show(cluster);
  }
}
