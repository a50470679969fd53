/** A canvas drawn in CSS pixels, whatever the screen's resolution is. */
export class FittedCanvas {
  readonly element: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;

  constructor(element: HTMLCanvasElement) {
    this.element = element;
    this.#context = element.getContext('2d');
  }

  /** Clears it to a size in CSS pixels; undefined where there is nothing to draw on. */
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
