/** What was not written. */
export interface Gap {
  readonly entries: number;
  readonly ticks: number;
  /** When it began, ms since the epoch. */
  readonly since: number;
}

/** Since the start. */
export interface GapFigures {
  readonly gaps: number;
  readonly entries: number;
  readonly ticks: number;
}

/** Counts what does not get into the journal: each gap, and all of them. */
export class GapCounter {
  #gaps = 0;
  #entries = 0;
  #ticks = 0;
  /** The counts when the gap began. */
  #before: { entries: number; ticks: number; since: number } | undefined;

  get isOpen(): boolean {
    return this.#before !== undefined;
  }

  get figures(): GapFigures {
    return { gaps: this.#gaps, entries: this.#entries, ticks: this.#ticks };
  }

  /** Opens a gap if there is none. */
  add(entries: number, ticks: number, now: number): void {
    if (this.#before === undefined) {
      this.#before = { entries: this.#entries, ticks: this.#ticks, since: now };
      this.#gaps++;
    }
    this.#entries += entries;
    this.#ticks += ticks;
  }

  close(): Gap {
    const before = this.#before ?? { entries: this.#entries, ticks: this.#ticks, since: 0 };
    this.#before = undefined;
    return {
      entries: this.#entries - before.entries,
      ticks: this.#ticks - before.ticks,
      since: before.since,
    };
  }
}
