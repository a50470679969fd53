import type { KindName } from './databases.ts';
import type { DirectoryLock } from './lock/directory-lock.ts';
import type { HeldByKind, Reader, StartReader } from './reader.ts';
import type { Removed, SweepLimits, Swept } from './store.ts';
import type { StartWriter, Writer } from './writer.ts';
import type { WriterData } from './writer-thread.ts';

/** An error of the disk itself, in the words of the C library or of Node. */
const DISK_ERROR = new RegExp(
  '^(?:E[A-Z]+: )?(?:no space left on device|file too large|disk quota exceeded' +
    '|i(?:nput)?/o(?:utput)? error|read-only file system)',
  'i',
);

/** What an environment asks of the lock of its directory. */
type EnvironmentLock = Pick<DirectoryLock, 'claim' | 'check' | 'noteFailure'>;

/** Starts the threads of a database; replaced in tests. */
export interface StartThreads {
  readonly startWriter: StartWriter;
  readonly startReader: StartReader;
}

/** What a database held when it was opened. */
export interface OpenedEnvironment {
  readonly environment: Environment;
  readonly held: HeldByKind;
}

/** Both ends of the database: a thread that writes and one that reads. Reopens both on failure. */
export class Environment {
  readonly #data: Omit<WriterData, 'claim'>;
  readonly #lock: EnvironmentLock;
  readonly #start: StartThreads;
  #writer: Writer;
  #removed: Removed = { age: 0, perSymbol: 0 };
  /** Undefined while the database is reopened, and after it was closed. */
  #reader: Reader | undefined;
  /** Requests that the writer has not answered. */
  readonly #open = new Set<Promise<unknown>>();
  /** LMDB refuses everything until it is closed at both ends. */
  #isPanicked = false;

  private constructor(
    data: Omit<WriterData, 'claim'>,
    lock: EnvironmentLock,
    start: StartThreads,
    writer: Writer,
    reader: Reader,
  ) {
    this.#lock = lock;
    this.#data = data;
    this.#start = start;
    this.#writer = writer;
    this.#reader = reader;
  }

  static async open(
    data: Omit<WriterData, 'claim'>,
    lock: EnvironmentLock,
    start: StartThreads,
  ): Promise<OpenedEnvironment> {
    const writer = await start.startWriter({ ...data, claim: lock.claim });
    try {
      const { reader, held } = await start.startReader(data.directory);
      return { environment: new Environment(data, lock, start, writer, reader), held };
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  get reader(): Reader | undefined {
    return this.#reader;
  }

  /** Records removed since the store was opened. */
  get removed(): Removed {
    return this.#removed;
  }

  /**
   * Writes a batch of records of a kind.
   *
   * @throws StoreError when the disk fails
   */
  async write(kind: KindName, batch: Uint8Array<ArrayBuffer>): Promise<void> {
    const isReadable = this.#reader?.isAlive === true;
    if (!this.#writer.isAlive || !isReadable || this.#isPanicked) await this.#reopen();
    try {
      this.#count(await this.#opened(this.#writer.write(kind, batch)));
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
  }

  async sweep(limits: SweepLimits): Promise<Swept> {
    try {
      const swept = await this.#opened(this.#writer.sweep(limits));
      this.#count(swept);
      return swept;
    } catch (error) {
      this.noteFailure(error);
      throw error;
    }
  }

  /**
   * Resolves when the writer thread is in no transaction. A process that ends amid one waits for
   * its thread for ever: LMDB's clean-up takes a mutex that the thread still holds.
   */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  async #opened<Answer>(request: Promise<Answer>): Promise<Answer> {
    this.#open.add(request);
    try {
      return await request;
    } finally {
      this.#open.delete(request);
    }
  }

  #count({ age, perSymbol }: Removed): void {
    const removed = this.#removed;
    this.#removed = { age: removed.age + age, perSymbol: removed.perSymbol + perSymbol };
  }

  /**
   * Notes an error of either end that only reopening clears: after a failed write of its first
   * pages LMDB refuses every transaction, and says so in several ways. What the disk refuses needs
   * no reopening, which a failing disk may not allow. A lost directory is final.
   */
  noteFailure(error: unknown): void {
    this.#lock.noteFailure(error);
    this.#isPanicked ||= error instanceof Error && !DISK_ERROR.test(error.message);
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    try {
      await reader?.close();
    } finally {
      await this.#writer.close();
    }
  }

  async #reopen(): Promise<void> {
    // Opening the database may write to it.
    await this.#lock.check();
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
    await this.#writer.terminate();
    this.#writer = await this.#start.startWriter({ ...this.#data, claim: this.#lock.claim });
    const opened = await this.#start.startReader(this.#data.directory);
    this.#reader = opened.reader;
    this.#isPanicked = false;
  }
}
