/** A disk that has taken nothing for this long counts as failed: its thread may never answer. */
export const STALLED_MS = 10_000;
/** In so many looks: of the time that this process stands still, no more than one look counts. */
const LOOKS = 10;

/** How far a journal is. */
interface Progress {
  readonly position: number;
  readonly syncedPosition: number;
}

/** Tells when a disk stands still: entries wait for it, and nothing gets on it. */
export class StallWatch {
  readonly #progress: Progress;
  readonly #onChange: (isStalled: boolean) => void;
  readonly #timer: NodeJS.Timeout;
  /** What was synced at the last look, and looks since something was. */
  #seen = 0;
  #vainLooks = 0;

  /** @param onChange called when it begins to stand still, and when it goes on */
  constructor(progress: Progress, onChange: (isStalled: boolean) => void, stalledMs = STALLED_MS) {
    this.#progress = progress;
    this.#onChange = onChange;
    this.#timer = setInterval(this.#look, stalledMs / LOOKS).unref();
  }

  get isStalled(): boolean {
    return this.#vainLooks >= LOOKS;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #look = (): void => {
    const { position, syncedPosition } = this.#progress;
    const wasStalled = this.isStalled;
    const isVain = syncedPosition === this.#seen && syncedPosition < position;
    this.#vainLooks = isVain ? this.#vainLooks + 1 : 0;
    this.#seen = syncedPosition;
    if (this.isStalled !== wasStalled) this.#onChange(this.isStalled);
  };
}
