const HOME_AND_CLEAR = '\x1b[H\x1b[2J';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const HOME = '\x1b[H';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Where lines are shown: in place on a terminal; one below the other, and seldom, elsewhere. */
export class Screen {
  readonly isTerminal: boolean;
  /** How often to show, ms. */
  readonly everyMs: number;
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
    this.isTerminal = output.isTTY === true;
    this.everyMs = this.isTerminal ? 250 : 5000;
    if (this.isTerminal) output.write(HIDE_CURSOR + HOME_AND_CLEAR);
  }

  /** Characters a line; Infinity where it is no terminal. */
  get width(): number {
    return this.isTerminal ? this.#output.columns || Infinity : Infinity;
  }

  /** Lines that fit; Infinity where it is no terminal. */
  get height(): number {
    return this.isTerminal && this.#output.rows > 1 ? this.#output.rows - 1 : Infinity;
  }

  show(lines: readonly string[]): void {
    if (!this.isTerminal) {
      this.#output.write(`${lines.join('\n')}\n\n`);
      return;
    }
    // Drawn over what is there, without clearing first: no flicker. What does not fit would scroll.
    const fitting = lines.slice(0, this.height);
    this.#output.write(
      `${HOME}${fitting.map((line) => line + CLEAR_LINE_END).join('\n')}\n${CLEAR_BELOW}`,
    );
  }

  close(): void {
    if (this.isTerminal) this.#output.write(SHOW_CURSOR);
  }
}
