#!/usr/bin/env node
// exec PROGRAM ARGS: runs a program and ends as it does. Scripts of package.json begin with exec,
// so that the shell between npm and the program is gone and a signal to npm reaches the program.
// POSIX shells have exec built in; cmd, which has not, finds this on npm's PATH.
import { spawn } from 'node:child_process';

const [program, ...args] = process.argv.slice(2);
const child = spawn(program === 'node' ? process.execPath : program, args, { stdio: 'inherit' });
// Windows sends Ctrl-C to every process of the console: the program decides when to end.
for (const signal of ['SIGINT', 'SIGBREAK']) process.on(signal, () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', ({ message }) => {
  console.error(`exec: ${message}`);
  process.exitCode = 127;
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
