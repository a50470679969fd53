import type { StateChange, Subscriber, Verification } from '../../../client-sdk/src/index.ts';
import { findPart, setText } from './dom.ts';
import { formatAge, formatCount, formatMilliseconds, NONE } from './format.ts';

/** Interval of measuring the round trip, ms. */
const PING_EVERY_MS = 5000;

/** Shows the state of the connection in the header. */
export class ConnectionState {
  readonly #subscriber: Subscriber;
  readonly #state: HTMLElement;
  readonly #text: HTMLElement;
  readonly #roundTrip: HTMLElement;
  #retryAtMs = Number.NaN;
  #pingAtMs = 0;

  constructor(root: HTMLElement, subscriber: Subscriber) {
    this.#subscriber = subscriber;
    this.#state = findPart(root, 'state', HTMLElement);
    this.#text = findPart(root, 'state-text', HTMLElement);
    this.#roundTrip = findPart(root, 'round-trip', HTMLElement);
  }

  take({ retryInMs }: StateChange): void {
    this.#retryAtMs = retryInMs === undefined ? Number.NaN : performance.now() + retryInMs;
    this.tick();
  }

  /** Updates what is shown, and measures the round trip when due. */
  tick(): void {
    const { state, latency, isLagging } = this.#subscriber;
    const shown = isLagging ? 'late' : state;
    if (this.#state.dataset.state !== shown) this.#state.dataset.state = shown;
    setText(this.#text, this.#words());
    const isMeasured = state === 'live' && latency !== undefined;
    const roundTrip = isMeasured ? `${formatMilliseconds(latency.roundTripMs)} ms` : NONE;
    setText(this.#roundTrip, roundTrip);
    if (state !== 'live' || document.hidden || performance.now() < this.#pingAtMs) return;
    this.#pingAtMs = performance.now() + PING_EVERY_MS;
    this.#subscriber.ping().catch(() => undefined);
  }

  #words(): string {
    const { state, failure, isLagging, lagMs } = this.#subscriber;
    if (state === 'live') return isLagging ? `Late by ${(lagMs / 1000).toFixed(1)} s` : 'Live';
    if (state === 'closed') return failure === undefined ? 'Closed' : `Closed: ${failure.message}`;
    const seconds = Math.ceil((this.#retryAtMs - performance.now()) / 1000);
    const verb = state === 'connecting' ? 'Connecting' : 'Reconnecting';
    return seconds > 0 ? `${verb} in ${seconds} s` : `${verb} …`;
  }
}

const CHECK_EVERY_MS = 10_000;

/** Verifies at intervals that the page is in sync with the server. */
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

  /** Drops the last result after a change of connection. The next check follows shortly. */
  reset(): void {
    this.#verification = undefined;
    this.#dueAtMs = performance.now() + 1000;
  }

  /** Checks when due, and shows the last result. */
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
      // The connection was lost: check on the next one.
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
