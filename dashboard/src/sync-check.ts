import type { Subscriber, Verification } from '../../client-sdk/src/index.ts';
import { findPart } from './find-part.ts';
import { formatCount } from './number-format.ts';
import { setText } from './set-text.ts';
import { formatAge } from './time-format.ts';

const CHECK_EVERY_MS = 10_000;

/** Asks the server again and again to prove that this page shows what the server has. */
export class SyncCheck {
  readonly #element: HTMLElement;
  readonly #text: HTMLElement;
  readonly #subscriber: Subscriber;
  #verification: Verification | undefined;
  #checkedAtMs = 0;
  #dueAtMs = 0;
  #isChecking = false;

  constructor(root: HTMLElement, subscriber: Subscriber) {
    this.#element = findPart(root, 'sync', HTMLElement);
    this.#text = findPart(root, 'sync-text', HTMLElement);
    this.#subscriber = subscriber;
  }

  /** Forgets the last result: the connection is another one. It is checked anew in a moment. */
  reset(): void {
    this.#verification = undefined;
    this.#dueAtMs = performance.now() + 1000;
  }

  /** Checks when it is time to, and says what the last check found. */
  tick(): void {
    const isDue = performance.now() >= this.#dueAtMs && !document.hidden;
    if (isDue && !this.#isChecking && this.#subscriber.state === 'live') void this.#check();
    this.#show();
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    try {
      this.#verification = await this.#subscriber.verify();
      this.#checkedAtMs = performance.now();
      this.#dueAtMs = this.#checkedAtMs + CHECK_EVERY_MS;
    } catch {
      // The connection went: the next one is checked.
      this.reset();
    }
    this.#isChecking = false;
  }

  #show(): void {
    const result = this.#verification;
    if (result === undefined) {
      this.#element.dataset.sync = 'unknown';
      setText(this.#text, 'Not checked yet');
      return;
    }
    const age = formatAge(performance.now() - this.#checkedAtMs);
    const ago = age === 'now' ? 'just now' : `${age} ago`;
    const symbols = `${formatCount(result.symbolCount)} symbols`;
    this.#element.dataset.sync = result.equal ? 'equal' : 'different';
    const finding = result.equal ? 'In sync' : 'Out of sync';
    setText(this.#text, `${finding}, ${symbols}, checked ${ago}`);
  }
}
