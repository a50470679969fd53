import { parentPort, workerData } from 'node:worker_threads';
import type { SinkAlert } from './sink-alert.ts';
import { type CrewConfig, SinkCrew } from './sink-crew.ts';
import { type SavedSinks, writeSavedSinks } from './sink-positions.ts';

/** What the thread is given. */
export interface SinkThreadData {
  /** Where positions are kept; undefined: nowhere. */
  readonly directory: string | undefined;
  readonly saved: SavedSinks;
  /** Ordinal of the first alert that will be pushed. */
  readonly next: number;
}

export type SinkRequest =
  | { readonly kind: 'configure'; readonly config: CrewConfig }
  /** Answered by `taken`: a sender that waits for it cannot fill the memory. */
  | { readonly kind: 'push'; readonly alerts: readonly SinkAlert[] }
  /** Alerts before this ordinal are on disk. */
  | { readonly kind: 'durable'; readonly before: number }
  | { readonly kind: 'stop'; readonly drainMs: number };

export type SinkReport =
  | { readonly kind: 'taken' }
  | { readonly kind: 'stopped'; readonly waiting: number }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    };

const PUMP_MS = 1000;
const SAVE_MS = 1000;

/*
 * The thread of the sinks: what receivers do, and what requests cost, delays no tick.
 */
const port = parentPort;
if (port === null) throw new Error('sink-thread.ts is the entry of a worker thread');
const data = workerData as SinkThreadData;
const report = (message: SinkReport) => port.postMessage(message);
const logger = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) =>
  report({ kind: 'log', level, fields, message });
const log = { info: logger('info'), warn: logger('warn'), error: logger('error') };

const crew = new SinkCrew(log, data.next);
let saved = data.saved;
let savedText = '';
let isSaveFailing = false;
let durable = Number.POSITIVE_INFINITY;

function save(): void {
  if (data.directory === undefined) return;
  const sinks = crew.saved(durable);
  const text = JSON.stringify(sinks);
  if (text === savedText) return;
  try {
    writeSavedSinks(data.directory, sinks);
    savedText = text;
    isSaveFailing = false;
  } catch (error) {
    const fields = { reason: error instanceof Error ? error.message : String(error) };
    if (!isSaveFailing) {
      log.error(fields, 'what sinks have delivered is not saved: a restart may repeat alerts');
    }
    isSaveFailing = true;
  }
}

async function stop(drainMs: number): Promise<void> {
  const waiting = await crew.drain(drainMs);
  clearInterval(pumping);
  clearInterval(saving);
  save();
  crew.close();
  report({ kind: 'stopped', waiting });
  port?.close();
}

const pumping = setInterval(() => crew.pump(), PUMP_MS);
const saving = setInterval(save, SAVE_MS);

port.on('message', (request: SinkRequest) => {
  if (request.kind === 'configure') {
    crew.configure(request.config, saved);
    // A sink that is added again later begins anew.
    saved = {};
  } else if (request.kind === 'push') {
    crew.push(request.alerts);
    report({ kind: 'taken' });
  } else if (request.kind === 'durable') {
    durable = request.before;
  } else {
    void stop(request.drainMs);
  }
});
