import type { StateChange, Subscriber } from '../../client-sdk/src/index.ts';
import { findPart } from './find-part.ts';
import { formatMilliseconds, NONE } from './number-format.ts';
import { setText } from './set-text.ts';

/** How often the round trip is measured, ms. */
const PING_EVERY_MS = 5000;

/** Says in the header how the connection is. */
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

  /** Brings what is shown up to date, and measures the round trip when it is time to. */
  tick(): void {
    const { state, latency } = this.#subscriber;
    if (this.#state.dataset.state !== state) this.#state.dataset.state = state;
    setText(this.#text, this.#words());
    const isMeasured = state === 'live' && latency !== undefined;
    const roundTrip = isMeasured ? `${formatMilliseconds(latency.roundTripMs)} ms` : NONE;
    setText(this.#roundTrip, roundTrip);
    if (state !== 'live' || document.hidden || performance.now() < this.#pingAtMs) return;
    this.#pingAtMs = performance.now() + PING_EVERY_MS;
    this.#subscriber.ping().catch(() => undefined);
  }

  #words(): string {
    const { state, failure } = this.#subscriber;
    if (state === 'live') return 'Live';
    if (state === 'closed') return failure === undefined ? 'Closed' : `Closed: ${failure.message}`;
    const seconds = Math.ceil((this.#retryAtMs - performance.now()) / 1000);
    const verb = state === 'connecting' ? 'Connecting' : 'Reconnecting';
    return seconds > 0 ? `${verb} in ${seconds} s` : `${verb} …`;
  }
}
