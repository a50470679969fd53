import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

const START_MS = 30_000;
const OUTPUT_CHARACTERS_MAX = 1_000_000;
/** How a line of the log begins that says that the server itself went wrong. */
const FAULT = /^\{"level":"(error|fatal)"/;

/** A built server in a process of its own. */
export class ServerProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  port = 0;
  /** The exit code or signal, once it has ended. */
  exit: number | string | undefined;

  private constructor(transport: string) {
    const main = new URL('../../src/main.js', import.meta.url).pathname;
    const flags = {
      'server.port': 0,
      'server.transport': transport,
      'processing.partitions': 1,
      // So few that they run out: new ones are refused then, and the known ones must go on.
      'processing.maxSymbols': 3000,
      'store.directory': '',
      'log.format': 'json',
    };
    const argv = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#child = spawn(process.execPath, [main, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
    }
    this.#child.on('exit', (code, signal) => {
      this.exit = code ?? signal ?? 'unknown';
    });
  }

  static async start(transport: string): Promise<ServerProcess> {
    const server = new ServerProcess(transport);
    const deadline = performance.now() + START_MS;
    while (server.port === 0) {
      if (server.exit !== undefined || performance.now() > deadline) {
        server.end();
        throw new Error(`the server did not start: ${server.#output}`);
      }
      await pause(10);
    }
    return server;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lines of the log that say that the server itself went wrong. */
  faults(): string[] {
    const lines = this.#output.split('\n');
    return lines.filter((line) => (line.startsWith('{') ? FAULT.test(line) : line !== ''));
  }

  /** Memory of the process, bytes; 0 where the system does not say. */
  residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(this.#proc('status'))?.[1] ?? 0) * 1024;
  }

  /** Time on processors so far, ms; endless where the system does not say. */
  processorMs(): number {
    const fields = this.#proc('stat').split(') ').at(1)?.split(' ');
    if (fields === undefined) return Number.POSITIVE_INFINITY;
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  #proc(name: string): string {
    try {
      return readFileSync(`/proc/${this.#child.pid}/${name}`, 'utf8');
    } catch {
      return '';
    }
  }

  #read(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
    this.port ||= Number(/"url":"http:\/\/[^"]*:(\d+)"/.exec(this.#output)?.[1] ?? 0);
  }
}
