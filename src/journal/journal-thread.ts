import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Doorbell } from '../engine/index.ts';
import { type Claim, checkClaim, StoreLostError } from '../store/lock/claim.ts';
import { reasonOf } from './journal-error.ts';
import { RingConsumer } from './journal-ring.ts';
import { diskSegments } from './segment-files.ts';
import { SegmentWriter, type SegmentWriterOptions, type WriterFigures } from './segment-writer.ts';

/** What the thread is given. */
export interface JournalThreadData {
  readonly directory: string;
  readonly ring: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  /** Where the run began. */
  readonly start: number;
  /** Everything before it is on disk: past `start` for a thread that replaces one that died. */
  readonly synced: number;
  readonly options: SegmentWriterOptions;
  readonly claim: Claim | undefined;
}

export type JournalRequest =
  | { readonly kind: 'retain'; readonly from: number }
  | { readonly kind: 'close' };

/** Sent when the fault changes, every second with news, and at the end. */
export interface JournalReport {
  readonly fault: string | undefined;
  /** The fault is that the directory is another server's now: the thread has ended. */
  readonly isLost: boolean;
  readonly figures: WriterFigures;
}

/** Without entries for this long, the thread waits to be woken. */
const IDLE_MS = 1000;
/** The longest sleep, ms: bounds the delay should a wake-up ever be lost. */
const SLEEP_MS_MAX = 1000;
const REPORT_MS = 1000;
/** How long a close tries to write to a disk that fails. */
const CLOSE_MS = 1000;

const port = parentPort;
if (port === null) throw new Error('journal-thread.ts is the entry of a worker thread');
const data = workerData as JournalThreadData;
const ring = new RingConsumer(data.ring, data.start, data.synced);
const doorbell = new Doorbell(data.doorbell);
const { claim } = data;
const check = claim === undefined ? undefined : () => checkClaim(claim);
const writer = new SegmentWriter(ring, diskSegments(data.directory), data.options, check);

let reportedFault: string | undefined;
let reportedAt = 0;
let hasNews = false;
let appendedAt = performance.now();

function report(isLost = false): void {
  reportedFault = writer.fault;
  reportedAt = performance.now();
  hasNews = false;
  port?.postMessage({
    fault: writer.fault,
    isLost,
    figures: { ...writer.figures },
  } satisfies JournalReport);
  writer.figures.syncMsMax = 0;
}

/** Returns whether the thread is to end. */
function takeRequests(): boolean {
  for (;;) {
    const received = receiveMessageOnPort(port as NonNullable<typeof port>);
    if (received === undefined) return false;
    const request = received.message as JournalRequest;
    if (request.kind === 'close') return true;
    writer.retain(request.from);
    hasNews = true;
  }
}

function step(isUrgent: boolean): void {
  const before = writer.synced;
  writer.step(performance.now(), isUrgent);
  if (writer.synced !== before) {
    appendedAt = performance.now();
    hasNews = true;
    doorbell.ring();
  }
  const isDue = hasNews && performance.now() - reportedAt >= REPORT_MS;
  if (isDue || writer.fault !== reportedFault) report();
}

function sleep(): void {
  if (!writer.isDone) {
    if (writer.pauseMs > 0) ring.sleep(writer.pauseMs);
    return;
  }
  const isIdle = writer.pauseMs === 0 || performance.now() - appendedAt >= IDLE_MS;
  if (!isIdle) {
    ring.sleep(writer.pauseMs);
    return;
  }
  ring.sleepUntilAppended(writer.synced, SLEEP_MS_MAX);
  // Gathers what follows the entry that woke it.
  if (writer.pauseMs > 0 && !writer.isDone) ring.sleep(writer.pauseMs);
}

/*
 * The loop sleeps in Atomics.wait and takes messages between two steps: the ring wakes it, and an
 * event loop would cost more than what it has to do a hundred times a second.
 */
try {
  while (!takeRequests()) {
    step(false);
    sleep();
  }
  const end = performance.now() + CLOSE_MS;
  do {
    step(true);
    if (!writer.isDone) ring.sleep(100);
  } while (!writer.isDone && performance.now() < end);
  writer.close();
  report();
} catch (error) {
  if (!(error instanceof StoreLostError)) throw error;
  writer.fault = reasonOf(error);
  report(true);
}
// Wakes whoever waits for positions that will not be synced.
doorbell.ring();
port.close();
