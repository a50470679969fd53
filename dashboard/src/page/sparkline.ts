/** How a sparkline looks. */
export interface SparklineStyle {
  readonly line: string;
  /** Colour of the dot at the newest value. */
  readonly dot: string;
  /** Colour under the line; none if absent. */
  readonly fill?: string;
  /** Whether the scale starts at 0 instead of the least value. */
  readonly fromZero?: boolean;
}

const INSET = 3;
/** With fewer values, the left side stays empty. */
const SLOTS_MIN = 30;
const DOT_RADIUS = 1.75;

/** Draws values as a line, the newest at the right edge. */
export function drawSparkline(
  canvas: FittedCanvas,
  values: ArrayLike<number>,
  length: number,
  style: SparklineStyle,
  { width, height }: { readonly width: number; readonly height: number },
): void {
  const context = canvas.clear(width, height);
  if (context === undefined || length === 0) return;
  let low = style.fromZero === true ? 0 : Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) {
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  const step = (width - 2 * INSET) / (Math.max(SLOTS_MIN, length) - 1);
  const left = width - INSET - step * (length - 1);
  const scale = high > low ? (height - 2 * INSET) / (high - low) : 0;
  const yOf = (value: number) =>
    scale === 0 && style.fromZero !== true ? height / 2 : height - INSET - (value - low) * scale;
  context.beginPath();
  for (let i = 0; i < length; i++) context.lineTo(left + i * step, yOf(values[i] as number));
  context.strokeStyle = style.line;
  context.lineWidth = 1.25;
  context.lineJoin = 'round';
  context.stroke();
  const endX = left + (length - 1) * step;
  if (style.fill !== undefined) {
    context.lineTo(endX, height);
    context.lineTo(left, height);
    context.globalAlpha = 0.14;
    context.fillStyle = style.fill;
    context.fill();
    context.globalAlpha = 1;
  }
  context.beginPath();
  context.arc(endX, yOf(values[length - 1] as number), DOT_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = style.dot;
  context.fill();
}

/** A canvas drawn in CSS pixels at any resolution. */
export class FittedCanvas {
  readonly element: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;

  constructor(element: HTMLCanvasElement) {
    this.element = element;
    this.#context = element.getContext('2d');
  }

  /** Clears and resizes it, in CSS pixels; undefined if there is nothing to draw on. */
  clear(width: number, height: number): CanvasRenderingContext2D | undefined {
    const context = this.#context;
    if (context === null || width <= 0 || height <= 0) return undefined;
    const ratio = devicePixelRatio;
    const pixelWidth = Math.round(width * ratio);
    const pixelHeight = Math.round(height * ratio);
    if (this.element.width !== pixelWidth || this.element.height !== pixelHeight) {
      this.element.width = pixelWidth;
      this.element.height = pixelHeight;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }
}
