/** A tick was not taken, as the publisher keeps as many as it may: wait for `publisher.ready`. */
export class BufferFullError extends Error {
  /** The name of the class. */
  /** Tells it from other errors also across realms and bundles. */
  override readonly name = 'BufferFullError';

  /** @param bufferTicksMax ticks that the publisher may keep */
  constructor(bufferTicksMax: number) {
    super(`${bufferTicksMax} ticks are taken and not acknowledged: await publisher.ready first`);
  }
}
