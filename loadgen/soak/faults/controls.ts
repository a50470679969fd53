import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

/** What a disk can be made to fail at, or stall: an operation on files, or a commit of LMDB. */
export const DISK_OPERATIONS = [
  'none',
  'open',
  'write',
  'sync',
  'rename',
  'unlink',
  'readdir',
  'commit',
] as const;
export type DiskOperation = (typeof DISK_OPERATIONS)[number];

/** What an operation on files fails with. */
export const DISK_ERRORS = ['EIO', 'ENOSPC', 'EROFS', 'EACCES', 'EMFILE'] as const;
export type DiskError = (typeof DISK_ERRORS)[number];

/** The fault of the disk that a server is told to have; no `error`: the operation stalls. */
export interface DiskFault {
  readonly operation: DiskOperation;
  readonly error?: DiskError;
}

export const NO_DISK_FAULT: DiskFault = { operation: 'none' };

const NAME = 'tickwire soak faults';
const OPERATION = 2;
const ERROR = 3;
const COLLECTION = 4;
/** Where the doubles with the threads' free pages begin, and how many there are. */
const FREE_FROM = 3;
const THREADS = 64;
const BYTES = 8 * (FREE_FROM + THREADS);
/** In place of an error. */
const STALLS = -1;

/**
 * The faults of a server, in memory that all of its threads share: a `Float64` with what its wall
 * clock is ahead, then an `Int32` each with the operation, the error and the number of collections
 * asked for. Only the main thread writes those; each value is complete by itself. Then a `Float64`
 * for each thread: bytes of the pages of its heap in which nothing is alive.
 */
class FaultControls {
  readonly #clock: Float64Array;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #free: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#clock = new Float64Array(memory, 0, 1);
    this.#words = new Int32Array(memory, 0, 2 * FREE_FROM);
    this.#free = new Float64Array(memory, 8 * FREE_FROM);
  }

  /** Asks the other threads to collect their garbage. */
  askToCollect(): void {
    this.#free.fill(0);
    Atomics.add(this.#words, COLLECTION, 1);
  }

  /** The number of times that was asked. */
  get collection(): number {
    return Atomics.load(this.#words, COLLECTION);
  }

  /** A thread has collected. */
  tellFreePages(threadId: number, bytes: number): void {
    this.#free[threadId % THREADS] = bytes;
  }

  /** Bytes of free pages that threads have told of since they were asked. */
  get freePages(): number {
    return this.#free.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** How far the wall clock is ahead of the machine's, ms. */
  get clockOffsetMs(): number {
    return this.#clock[0] as number;
  }

  set clockOffsetMs(ms: number) {
    this.#clock[0] = ms;
  }

  setDiskFault({ operation, error }: DiskFault): void {
    const code = error === undefined ? STALLS : DISK_ERRORS.indexOf(error);
    Atomics.store(this.#words, ERROR, code);
    Atomics.store(this.#words, OPERATION, DISK_OPERATIONS.indexOf(operation));
    Atomics.notify(this.#words, OPERATION);
  }

  fails(operation: DiskOperation): boolean {
    return Atomics.load(this.#words, OPERATION) === DISK_OPERATIONS.indexOf(operation);
  }

  /** What a failing operation fails with; undefined where it stalls. */
  get error(): DiskError | undefined {
    return DISK_ERRORS[Atomics.load(this.#words, ERROR)];
  }

  /** Blocks the calling thread for as long as the operation fails. Not for the main thread. */
  stall(operation: DiskOperation): void {
    while (this.fails(operation)) {
      Atomics.wait(this.#words, OPERATION, DISK_OPERATIONS.indexOf(operation));
    }
  }
}

function sharedMemory(): SharedArrayBuffer {
  const shared = getEnvironmentData(NAME);
  if (shared instanceof SharedArrayBuffer) return shared;
  const memory = new SharedArrayBuffer(BYTES);
  // Workers inherit it.
  if (isMainThread) setEnvironmentData(NAME, memory);
  return memory;
}

export const controls = new FaultControls(sharedMemory());
