import { askForRefusal } from '../http-api.ts';
import { findPart, setText } from './dom.ts';
import { TokenForm } from './token-form.ts';

/**
 * The page's access to its server, with a token if the server requires one. A new token may belong
 * to somebody else, who must not see what the old one showed: the page reloads.
 */
export class PageAccess {
  /** Undefined if the server requires none. */
  readonly token: string | undefined;
  readonly #form: TokenForm;
  readonly #store: TokenStore;
  #isLost = false;

  private constructor(token: string | undefined, form: TokenForm, store: TokenStore) {
    this.token = token;
    this.#form = form;
    this.#store = store;
  }

  /** Waits until the server accepts the page. A server that does not answer may do so later. */
  static async gain(header: HTMLElement): Promise<PageAccess> {
    const form = new TokenForm();
    const store = new TokenStore();
    let token = store.read();
    const reason = await askForRefusal(token).catch(() => undefined);
    if (reason !== undefined) {
      store.forget();
      setText(findPart(header, 'state-text', HTMLElement), 'No token');
      token = await form.ask(token === undefined ? undefined : reason);
      store.keep(token);
    }
    const forget = findPart(header, 'forget', HTMLButtonElement);
    forget.hidden = token === undefined;
    forget.addEventListener('click', () => {
      store.forget();
      location.reload();
    });
    return new PageAccess(token, form, store);
  }

  /** The server no longer accepts the token: asks for another and reloads. */
  lost(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#store.forget();
    void this.#form.ask(reason).then((token) => {
      this.#store.keep(token);
      location.reload();
    });
  }
}

const STORED_AS = 'tickwire.token';

/** Keeps the token while the tab is open, and nowhere else. */
export class TokenStore {
  read(): string | undefined {
    try {
      return sessionStorage.getItem(STORED_AS) ?? undefined;
    } catch {
      // The browser may forbid storage: then a token lasts until the page is reloaded.
      return undefined;
    }
  }

  keep(token: string): void {
    try {
      sessionStorage.setItem(STORED_AS, token);
    } catch {
      // As above.
    }
  }

  forget(): void {
    try {
      sessionStorage.removeItem(STORED_AS);
    } catch {
      // As above.
    }
  }
}
