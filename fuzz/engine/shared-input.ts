/** Where a thread notes what it reads just now, so that the one who waits for it can tell. */
export class SharedInput {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param memory of another one; its own if not given */
  constructor(bytesMax: number, memory = new SharedArrayBuffer(8 + bytesMax)) {
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, 8);
  }

  /** Changes with every input, and is odd while one is being read. */
  get turn(): number {
    return Atomics.load(this.#head, 0);
  }

  begin(input: Uint8Array): void {
    const known = input.subarray(0, this.#bytes.length);
    this.#bytes.set(known);
    Atomics.store(this.#head, 1, known.length);
    Atomics.add(this.#head, 0, 1);
  }

  end(): void {
    Atomics.add(this.#head, 0, 1);
  }

  read(): Uint8Array {
    return this.#bytes.slice(0, Atomics.load(this.#head, 1));
  }
}
