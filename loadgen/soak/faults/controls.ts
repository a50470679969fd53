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
const BYTES = 16;
const OPERATION = 2;
const ERROR = 3;
/** In place of an error. */
const STALLS = -1;

/**
 * The faults of a server, in memory that all of its threads share: a `Float64` with what its wall
 * clock is ahead, then an `Int32` with the operation and one with the error. Only the main thread
 * writes; each value is complete by itself.
 */
class FaultControls {
  readonly #clock: Float64Array;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.#clock = new Float64Array(memory, 0, 1);
    this.#words = new Int32Array(memory);
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
