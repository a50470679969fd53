/** Time between two lines about refusals of one reason, ms. */
const LINE_MS = 60_000;

/** When a line was last written about a reason, and what was not since. */
interface Said {
  at: number;
  unsaid: number;
}

/** Paces lines of the log about what is refused: one a minute for each reason. */
export class RefusalLines {
  readonly #said = new Map<string, Said>();

  /** How many were refused without a line since the last one; undefined: none is due now. */
  due(reason: string): number | undefined {
    const now = performance.now();
    const said = this.#said.get(reason);
    if (said !== undefined && now - said.at < LINE_MS) {
      said.unsaid++;
      return undefined;
    }
    this.#said.set(reason, { at: now, unsaid: 0 });
    return said?.unsaid ?? 0;
  }
}
