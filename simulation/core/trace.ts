/** Entries that can be shown afterwards. */
const SHOWN = 200;

interface Entry {
  step: number;
  time: number;
  label: string;
  detail: number | string;
}

const PRIME = 0x01000193;

/** What happened, as a hash over all of it and in words for the last of it. */
export class Trace {
  /** Two runs with one hash were the same, as far as anybody can tell. */
  hash = 0x811c9dc5 | 0;
  readonly #entries: Entry[] = [];
  readonly #labels = new Map<string, number>();
  readonly #double = new Float64Array(1);
  readonly #words = new Int32Array(this.#double.buffer);
  #next = 0;

  /** Takes in that something happened. Costs no string. */
  note(step: number, time: number, label: string, detail: number | string = 0): void {
    this.#mix(this.#labelHash(label));
    this.#mixDouble(time);
    if (typeof detail === 'number') this.#mixDouble(detail);
    else this.#mix(this.#labelHash(detail));
    const entry = this.#entries[this.#next];
    if (entry === undefined) this.#entries.push({ step, time, label, detail });
    else {
      entry.step = step;
      entry.time = time;
      entry.label = label;
      entry.detail = detail;
    }
    this.#next = (this.#next + 1) % SHOWN;
  }

  /** Takes in the content of a message. */
  content(message: Uint8Array | string): void {
    let { hash } = this;
    if (typeof message === 'string') {
      for (let i = 0; i < message.length; i++)
        hash = Math.imul(hash ^ message.charCodeAt(i), PRIME);
    } else {
      for (const byte of message) hash = Math.imul(hash ^ byte, PRIME);
    }
    this.hash = hash;
  }

  /** The last entries, oldest first, one a line. */
  last(): string[] {
    const ordered = [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
    return ordered.map(
      ({ step, time, label, detail }) =>
        `${String(step).padStart(9)} ${time.toFixed(3).padStart(12)} ms  ${label} ${detail}`,
    );
  }

  #mix(word: number): void {
    this.hash = Math.imul(this.hash ^ word, PRIME);
  }

  #mixDouble(value: number): void {
    this.#double[0] = value;
    this.#mix(this.#words[0] as number);
    this.#mix(this.#words[1] as number);
  }

  #labelHash(label: string): number {
    let hash = this.#labels.get(label);
    if (hash === undefined) {
      hash = 0x811c9dc5;
      for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), PRIME);
      this.#labels.set(label, hash);
    }
    return hash;
  }
}
