// Loaded before a server (`node --import`), in all of its threads: a sync of the journal takes as
// many ms as the file SLOW_DISK says, and never ends while that says `still`. Without the file,
// syncs are as fast as the disk.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const POLL_MS = 20;
const path = process.env.SLOW_DISK;
const cell = new Int32Array(new SharedArrayBuffer(4));
const { fdatasyncSync, readFileSync } = fs;

function told() {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '0';
  }
}

if (!isMainThread) {
  fs.fdatasyncSync = (file) => {
    const start = performance.now();
    const isDue = (text) => text !== 'still' && performance.now() - start >= Number(text);
    while (!isDue(told())) Atomics.wait(cell, 0, 0, POLL_MS);
    fdatasyncSync(file);
  };
  syncBuiltinESMExports();
}
