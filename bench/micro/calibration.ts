const SIZE = 1024;
const PASSES = 16;

/**
 * A fixed piece of work for the processor alone, whose time tells how fast the machine is at this moment: integers, doubles
 * and memory within the first cache. Never to be changed: every stored baseline is held against it.
 */
export class Calibration {
  readonly #doubles = Float64Array.from({ length: SIZE }, (_, i) => i + 0.5);
  readonly #words = new Int32Array(SIZE);

  readonly run = (): void => {
    const doubles = this.#doubles;
    const words = this.#words;
    let state = 1;
    for (let pass = 0; pass < PASSES; pass++) {
      for (let i = 0; i < SIZE; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        const at = state & (SIZE - 1);
        words[at] = (words[at] as number) + 1;
        doubles[i] = (doubles[at] as number) * 0.5 + (doubles[i] as number) * 0.5;
      }
    }
  };
}
