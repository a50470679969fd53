import { findPart } from './dom.ts';

/** The pages beside the market, by the fragment of the address, with their titles. */
const TITLES = new Map([
  ['rules', 'Rules – Tickwire'],
  ['cluster', 'Cluster – Tickwire'],
]);
/** Any other fragment is a place in the market. */
const MARKET = 'market';

/** Shows one of the pages, as the fragment of the address says. */
export class Views {
  readonly #shown: () => void;
  #page = MARKET;

  /** @param shown called after a change */
  constructor(shown: () => void) {
    this.#shown = shown;
    addEventListener('hashchange', () => {
      this.#show();
      // Readers of the screen go on where the new page begins.
      if (!this.is(MARKET)) findPart(document, `${this.#page}-title`, HTMLElement).focus();
      this.#shown();
    });
    this.#show();
  }

  /** Whether a page is shown. */
  is(page: 'market' | 'rules' | 'cluster'): boolean {
    return this.#page === page;
  }

  openMarket(): void {
    location.hash = MARKET;
    this.#show();
  }

  #show(): void {
    const fragment = location.hash.slice(1);
    const title = TITLES.get(fragment);
    this.#page = title === undefined ? MARKET : fragment;
    for (const page of document.querySelectorAll<HTMLElement>('[data-page]')) {
      page.hidden = page.dataset.page !== this.#page;
    }
    for (const link of document.querySelectorAll<HTMLElement>('[data-view]')) {
      if (link.dataset.view === this.#page) link.ariaCurrent = 'page';
      else link.removeAttribute('aria-current');
    }
    document.title = title ?? 'Tickwire';
  }
}
