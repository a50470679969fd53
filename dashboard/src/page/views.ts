import { findPart } from './dom.ts';

/** Any fragment of the address but that of the rules is a place in the market. */
const RULES = 'rules';
const MARKET = 'market';

/** Shows one of the two pages, as the fragment of the address says. */
export class Views {
  readonly #shown: () => void;
  isRules = false;

  /** @param shown called after a change */
  constructor(shown: () => void) {
    this.#shown = shown;
    addEventListener('hashchange', () => {
      this.#show();
      // Readers of the screen go on where the new page begins.
      if (this.isRules) findPart(document, 'rules-title', HTMLElement).focus();
      this.#shown();
    });
    this.#show();
  }

  openMarket(): void {
    location.hash = MARKET;
    this.#show();
  }

  #show(): void {
    this.isRules = location.hash === `#${RULES}`;
    const name = this.isRules ? RULES : MARKET;
    for (const page of document.querySelectorAll<HTMLElement>('[data-page]')) {
      page.hidden = page.dataset.page !== name;
    }
    for (const link of document.querySelectorAll<HTMLElement>('[data-view]')) {
      if (link.dataset.view === name) link.ariaCurrent = 'page';
      else link.removeAttribute('aria-current');
    }
    document.title = this.isRules ? 'Rules – Tickwire' : 'Tickwire';
  }
}
