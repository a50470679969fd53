import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = join(import.meta.dirname, 'store-process.ts');

/** A line of store-process.ts; each mode fills in some members. */
export interface ChildLine {
  readonly folder?: string;
  readonly state?: string;
  readonly message?: string;
  readonly count?: number;
  readonly fault?: string | null;
  readonly waiting?: number;
  readonly confirmed?: readonly (readonly [symbol: string, sequence: number])[];
}

/** A store-process.ts child, killed at the end of the scope. */
export class StoreChild implements Disposable {
  readonly lines: ChildLine[] = [];
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #read: AsyncIterator<string>;
  #errors = '';

  /**
   * @param limits shell commands that precede it, such as `ulimit -S -f 1000;`
   * @param wrapper a command that runs it
   */
  constructor(mode: string, folders: readonly string[], limits = '', wrapper = '') {
    const command = [process.execPath, '--import', 'tsx', PROGRAM, mode, ...folders];
    this.#process = spawn(
      '/bin/bash',
      ['-c', `${limits} exec ${wrapper} "$@"`, 'bash', ...command],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    this.#closed = once(this.#process, 'close');
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    this.#read = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stderr.on('data', (bytes: Buffer) => {
      this.#errors += bytes.toString('utf8');
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Stops or continues it; in a pid namespace, the process inside. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim();
    process.kill(Number(children.split(' ')[0] || this.pid), signal);
  }

  /** Its standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** Its next line; undefined at the end. */
  async next(): Promise<ChildLine | undefined> {
    const { value, done } = await this.#read.next();
    if (done === true) return undefined;
    const line = JSON.parse(value) as ChildLine;
    this.lines.push(line);
    return line;
  }

  send(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Closes its input, reads the rest, and returns how it exited. */
  async end(): Promise<string> {
    this.#process.stdin?.end();
    while ((await this.next()) !== undefined) {
      // Kept in `lines`.
    }
    await this.#closed;
    return this.#process.signalCode ?? String(this.#process.exitCode);
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}
