import { FittedCanvas } from './fitted-canvas.ts';
import type { Palette } from './palette.ts';
import { RateHistory } from './rate-history.ts';
import { drawSparkline } from './sparkline.ts';

/** The small chart of a rate, the last two minutes. */
export class RateTrend {
  readonly #canvas: FittedCanvas;
  readonly #history = new RateHistory();

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = new FittedCanvas(canvas);
  }

  add(value: number): void {
    this.#history.add(value);
  }

  clear(): void {
    this.#history.clear();
  }

  draw({ accent }: Palette): void {
    const { values, length } = this.#history;
    const { clientWidth: width, clientHeight: height } = this.#canvas.element;
    const style = { line: accent, dot: accent, fill: accent, fromZero: true };
    drawSparkline(this.#canvas, values, length, style, { width, height });
  }
}
