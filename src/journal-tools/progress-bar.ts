const WIDTH = 30;
/** Time between two updates, ms. */
const EVERY_MS = 100;
const MIB = 1024 * 1024;

/** Where a bar is drawn: standard error. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows on a terminal how much of a journal was read; elsewhere nothing. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #startedAt = performance.now();
  #shownAt = Number.NEGATIVE_INFINITY;

  /** @param total bytes */
  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  /** @param done bytes */
  update(done: number): void {
    const now = performance.now();
    if (this.#terminal.isTTY !== true || now - this.#shownAt < EVERY_MS) return;
    this.#shownAt = now;
    const part = this.#total === 0 ? 1 : Math.min(1, done / this.#total);
    const filled = Math.round(part * WIDTH);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
    const speed = done / MIB / Math.max(0.001, (now - this.#startedAt) / 1000);
    const percent = Math.floor(part * 100);
    this.#terminal.write(`\r\u001b[K${bar} ${percent} % | ${speed.toFixed(0)} MiB/s`);
  }

  /** Clears it. */
  finish(): void {
    if (this.#terminal.isTTY === true) this.#terminal.write('\r\u001b[K');
  }
}
