import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';
import { controls, type DiskOperation } from './controls.ts';

/*
 * Loaded before a soak's server (`node --import`), also in its threads: the wall clock is off by
 * what the controls say, and operations on files in the directory of the store fail or stall. The
 * monotonic clock, timers and everything outside of the directory stay as they are.
 */

/** Of its address: `store`, a directory, and `clock`, what the clock is ahead at first, ms. */
const parameters = new URL(import.meta.url).searchParams;
/** The directory whose files may fail. */
const directory = parameters.get('store') ?? '';
const POLL_MS = 10;
const COLLECT_POLL_MS = 100;

function shiftWallClock(): void {
  const RealDate = globalThis.Date;
  const realNow = RealDate.now;
  const now = () => realNow() + controls.clockOffsetMs;
  RealDate.now = now;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  });
}

function isInStore(path: unknown): path is string {
  if (typeof path !== 'string' || directory === '') return false;
  const full = resolve(path);
  return full === directory || full.startsWith(directory + sep);
}

function failure(operation: DiskOperation, path: string): Error {
  const code = controls.error ?? 'EIO';
  const error = new Error(`${code}: the soak makes it fail, ${operation} '${path}'`);
  return Object.assign(error, { code, syscall: operation, path });
}

async function obstruct(operation: DiskOperation, path: string): Promise<void> {
  if (!controls.fails(operation)) return;
  if (controls.error !== undefined) throw failure(operation, path);
  while (controls.fails(operation)) await sleep(POLL_MS);
}

/** A call that blocks fails, and never stalls: the server would stand still with it. */
function obstructSync(operation: DiskOperation, path: string): void {
  if (controls.fails(operation) && controls.error !== undefined) throw failure(operation, path);
}

type AsyncCall = (...given: unknown[]) => Promise<unknown>;
type SyncCall = (...given: unknown[]) => unknown;

const ASYNC_CALLS: Readonly<Record<string, DiskOperation>> = {
  open: 'open',
  rename: 'rename',
  link: 'rename',
  rm: 'unlink',
  unlink: 'unlink',
  readdir: 'readdir',
  writeFile: 'write',
};
const SYNC_CALLS: Readonly<Record<string, DiskOperation>> = {
  openSync: 'open',
  renameSync: 'rename',
  linkSync: 'rename',
  rmSync: 'unlink',
  unlinkSync: 'unlink',
  readdirSync: 'readdir',
  writeFileSync: 'write',
};
const HANDLE_CALLS: Readonly<Record<string, DiskOperation>> = {
  write: 'write',
  writev: 'write',
  writeFile: 'write',
  sync: 'sync',
  datasync: 'sync',
};

function obstructHandle(handle: FileHandle, path: string): FileHandle {
  const calls = handle as unknown as Record<string, AsyncCall>;
  for (const [name, operation] of Object.entries(HANDLE_CALLS)) {
    const real = (calls[name] as AsyncCall).bind(handle);
    calls[name] = async (...given) => {
      await obstruct(operation, path);
      return real(...given);
    };
  }
  return handle;
}

function obstructFiles(): void {
  const promises = fs.promises as unknown as Record<string, AsyncCall>;
  for (const [name, operation] of Object.entries(ASYNC_CALLS)) {
    const real = (promises[name] as AsyncCall).bind(fs.promises);
    promises[name] = async (...given) => {
      const [path] = given;
      if (!isInStore(path)) return real(...given);
      await obstruct(operation, path);
      const result = await real(...given);
      return name === 'open' ? obstructHandle(result as FileHandle, path) : result;
    };
  }
  const calls = fs as unknown as Record<string, SyncCall>;
  for (const [name, operation] of Object.entries(SYNC_CALLS)) {
    const real = (calls[name] as SyncCall).bind(fs);
    calls[name] = (...given) => {
      if (isInStore(given[0])) obstructSync(operation, given[0]);
      return real(...given);
    };
  }
  syncBuiltinESMExports();
}

/** LMDB does its own I/O: the thread that commits stands still before it reads its messages. */
function obstructCommits(): void {
  // What the store's writer is given, and no other thread.
  const isWriter = (workerData as { readonly retention?: unknown } | null)?.retention !== undefined;
  if (parentPort === null || !isWriter) return;
  const port = parentPort;
  const listen = port.on.bind(port) as (name: string, listener: SyncCall) => typeof port;
  port.on = ((name: string, listener: SyncCall) =>
    listen(name, (...given) => {
      if (name === 'message') controls.stall('commit');
      listener(...given);
    })) as typeof port.on;
}

/**
 * Garbage of other threads is collected when the main thread's is: a thread that wakes, or has a
 * turn of its event loop, looks whether it was asked to.
 */
function collectWhenAsked(): void {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  let collected = controls.collection;
  const look = () => {
    if (controls.collection === collected) return;
    collected = controls.collection;
    collectGarbage();
    collectGarbage();
    const { total_physical_size: pages, used_heap_size: used } = getHeapStatistics();
    controls.tellFreePages(threadId, pages - used);
  };
  setInterval(look, COLLECT_POLL_MS).unref();
  const wait = Atomics.wait.bind(Atomics);
  Atomics.wait = ((...given: Parameters<typeof Atomics.wait>) => {
    look();
    return wait(...given);
  }) as typeof Atomics.wait;
}

if (!isMainThread) collectWhenAsked();
if (isMainThread) controls.clockOffsetMs = Number(parameters.get('clock') ?? 0);
shiftWallClock();
obstructFiles();
obstructCommits();
