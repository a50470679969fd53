/** Collects the body of one request, up to a limit. */
export class RequestBody {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Keeps `chunk`, which must not change any more. False: the limit is passed, and nothing is kept
   * from here on.
   */
  add(chunk: Uint8Array): boolean {
    this.#length += chunk.byteLength;
    if (this.#length > this.#bytesMax) {
      this.#chunks = [];
      return false;
    }
    if (chunk.byteLength > 0) this.#chunks.push(chunk);
    return true;
  }

  /** The whole body. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }
}
