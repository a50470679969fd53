import { DiskHistory } from './disk-history.ts';
import type { Retention } from './pruner.ts';
import type { StartWriter, Writer } from './writer.ts';

/** The two ends of the database: the thread that writes, and the map that is read. Opened anew when they go bad. */
export class Environment {
  readonly #directory: string;
  readonly #startWriter: StartWriter;
  #writer: Writer;
  /** Undefined while the database is opened anew, and after it was closed. */
  #disk: DiskHistory | undefined;
  /** LMDB takes nothing more until it is closed at both ends. */
  #isPanicked = false;

  private constructor(directory: string, startWriter: StartWriter, writer: Writer) {
    this.#directory = directory;
    this.#startWriter = startWriter;
    this.#writer = writer;
    this.#disk = new DiskHistory(directory);
  }

  static async open(directory: string, startWriter: StartWriter): Promise<Environment> {
    const writer = await startWriter(directory);
    try {
      return new Environment(directory, startWriter, writer);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  get disk(): DiskHistory | undefined {
    return this.#disk;
  }

  /**
   * Writes a batch, if one is given, and makes it visible to the reader.
   *
   * @throws StoreError when the disk fails
   */
  async write(batch: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    const isBroken = !this.#writer.isAlive || this.#disk === undefined || this.#isPanicked;
    if (isBroken) await this.#reopen();
    try {
      if (batch !== undefined) await this.#writer.write(batch);
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
    this.#disk?.refresh();
  }

  async prune(retention: Retention): Promise<number> {
    const count = await this.#writer.prune(retention);
    this.#disk?.refresh();
    return count;
  }

  /** Looks at an error of either end for whether it must be opened anew. */
  noteFailure(error: unknown): void {
    this.#isPanicked ||= error instanceof Error && error.message.includes('MDB_PANIC');
  }

  async close(): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    try {
      await disk?.close();
    } finally {
      await this.#writer.close();
    }
  }

  async #reopen(): Promise<void> {
    const disk = this.#disk;
    this.#disk = undefined;
    await disk?.close();
    await this.#writer.terminate();
    this.#writer = await this.#startWriter(this.#directory);
    this.#disk = new DiskHistory(this.#directory);
    this.#isPanicked = false;
  }
}
