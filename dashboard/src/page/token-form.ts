import { askForRefusal } from '../http-api.ts';
import { findById, findPart, setText } from './dom.ts';

const NO_TOKEN = 'A token is one word of letters, digits and the signs . _ ~ + -';
const NO_ANSWER = 'The server does not answer. Try again in a moment.';

/** The form in front of the page until there is a token that the server accepts. */
export class TokenForm {
  readonly #dialog: HTMLDialogElement;
  readonly #value: HTMLInputElement;
  readonly #fault: HTMLElement;
  readonly #use: HTMLButtonElement;
  #accepted: ((token: string) => void) | undefined;

  constructor() {
    const dialog = findById('token');
    if (!(dialog instanceof HTMLDialogElement)) throw new Error('the page has no form for a token');
    this.#dialog = dialog;
    this.#value = findPart(dialog, 'token-value', HTMLInputElement);
    this.#fault = findPart(dialog, 'token-fault', HTMLElement);
    this.#use = findPart(dialog, 'token-use', HTMLButtonElement);
    findPart(dialog, 'token-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    findPart(dialog, 'token-shown', HTMLInputElement).addEventListener('change', ({ target }) => {
      this.#value.type = (target as HTMLInputElement).checked ? 'text' : 'password';
    });
    // There is nothing behind the form yet, so Escape must not close it, even where the browser
    // insists.
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      if (this.#accepted !== undefined) this.#open();
    });
  }

  /**
   * Asks until the server accepts a token.
   *
   * @param reason why the previous token is no longer accepted, if there was one
   */
  ask(reason: string | undefined): Promise<string> {
    this.#say(reason === undefined ? '' : `The token is not accepted: ${reason}`);
    this.#open();
    return new Promise((resolve) => {
      this.#accepted = resolve;
    });
  }

  #open(): void {
    this.#dialog.showModal();
    this.#value.focus();
  }

  async #submit(): Promise<void> {
    if (this.#use.disabled) return;
    const token = tokenOf(this.#value.value);
    if (token === undefined) {
      this.#fail(NO_TOKEN);
      return;
    }
    this.#use.disabled = true;
    try {
      const reason = await askForRefusal(token);
      if (reason === undefined) this.#accept(token);
      else this.#fail(`The token is not accepted: ${reason}`);
    } catch {
      this.#fail(NO_ANSWER);
    }
    this.#use.disabled = false;
  }

  #accept(token: string): void {
    const accepted = this.#accepted;
    this.#accepted = undefined;
    this.#value.value = '';
    this.#say('');
    this.#dialog.close();
    accepted?.(token);
  }

  #fail(fault: string): void {
    this.#say(fault);
    this.#value.select();
  }

  #say(fault: string): void {
    setText(this.#fault, fault);
    this.#value.setAttribute('aria-invalid', String(fault !== ''));
  }
}

/** Characters that both a header and a WebSocket subprotocol can carry. */
const TOKEN = /^[A-Za-z0-9._~+-]+$/;

/**
 * The token in typed or pasted text, which may have line breaks or the form of a header; undefined
 * if it cannot be a token.
 */
export function tokenOf(text: string): string | undefined {
  const token = text
    .trim()
    .replace(/^(authorization: *)?bearer( +|$)/i, '')
    .replace(/[\r\n]+ */g, '');
  return TOKEN.test(token) ? token : undefined;
}
