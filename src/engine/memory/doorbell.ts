import { int32s } from '../../threads/shared-memory.ts';

/*
 * One word: 1 while the gateway sleeps in its event loop and wants to be woken by changes, else 0.
 *
 *   gateway   stores 1, then looks for changes; sleeps if there are none
 *   workers   make a change, then exchange 1 for 0; the one that succeeds wakes the gateway
 */
const WORD = 0;

export function createDoorbell(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** Lets workers wake the gateway, with a system call only when it sleeps. */
export class Doorbell {
  readonly #words: Int32Array;
  #isArmed = false;

  constructor(memory: SharedArrayBuffer) {
    this.#words = int32s(memory);
  }

  /** Wakes the gateway if it sleeps. Any thread, after the change to be seen. */
  ring(): void {
    if (Atomics.load(this.#words, WORD) === 0) return;
    if (Atomics.compareExchange(this.#words, WORD, 1, 0) === 1) Atomics.notify(this.#words, WORD);
  }

  /** Rings in case a worker died between clearing the word and waking. Any thread. */
  ringAgain(): void {
    Atomics.store(this.#words, WORD, 0);
    Atomics.notify(this.#words, WORD);
  }

  /**
   * Calls `onRing` once after the next {@link ring}; does nothing while armed. Gateway only. The
   * caller then looks for changes: earlier ones did not ring.
   *
   * At most one wait exists at a time, ended by the ring that clears the word: waits that nothing
   * ends would pile up in V8. The wait does not keep the process alive.
   */
  arm(onRing: () => void): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    const onWake = () => {
      this.#isArmed = false;
      onRing();
    };
    Atomics.store(this.#words, WORD, 1);
    const wait = Atomics.waitAsync(this.#words, WORD, 1);
    if (wait.async) void wait.value.then(onWake);
    else onWake();
  }
}
