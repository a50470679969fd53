import cliProgress from 'cli-progress';

const LINE_EVERY_MS = 10_000;
const MS_PER_SECOND = 1000;

/** What a run has done so far. */
export interface RunProgress {
  readonly sent: number;
  readonly entries: number;
}

/** Shows a run's progress on stderr: a bar on a terminal, a line every ten seconds elsewhere. */
export class ProgressDisplay {
  readonly #durationMs: number;
  readonly #bar: cliProgress.SingleBar | undefined;
  #last = { atMs: 0, sent: 0, entries: 0 };
  #lineAtMs = LINE_EVERY_MS;

  /** @param durationMs Infinity where the end is not known */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
    if (!process.stderr.isTTY) return;
    this.#bar = new cliProgress.SingleBar({
      stream: process.stderr,
      format: '{bar} {value}/{total} s | {ticks} ticks/s | {entries} entries/s',
      hideCursor: true,
      clearOnComplete: true,
    });
    const seconds = Number.isFinite(durationMs) ? durationMs / MS_PER_SECOND : 0;
    this.#bar.start(seconds, 0, { ticks: '-', entries: '-' });
  }

  update(elapsedMs: number, { sent, entries }: RunProgress): void {
    const seconds = Math.max(1, elapsedMs - this.#last.atMs) / MS_PER_SECOND;
    const ticks = perSecond(sent - this.#last.sent, seconds);
    const received = perSecond(entries - this.#last.entries, seconds);
    if (this.#bar !== undefined) {
      const shownMs = Math.min(elapsedMs, this.#durationMs);
      this.#bar.update(Math.floor(shownMs / MS_PER_SECOND), { ticks, entries: received });
    } else if (elapsedMs < this.#lineAtMs) {
      return;
    } else {
      const at = `${Math.round(elapsedMs / MS_PER_SECOND)} s`;
      process.stderr.write(`${at}: ${ticks} ticks/s sent, ${received} entries/s received\n`);
      this.#lineAtMs += LINE_EVERY_MS;
    }
    this.#last = { atMs: elapsedMs, sent, entries };
  }

  stop(): void {
    this.#bar?.stop();
  }
}

function perSecond(count: number, seconds: number): string {
  return Math.round(count / seconds).toLocaleString('en-US');
}
