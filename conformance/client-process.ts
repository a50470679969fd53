import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Broken, NotSupported, shown } from './expect.ts';
import { Waits } from './waits.ts';

/** An event that a client told of. */
export interface ClientEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** The client refused a command: it answered with an error. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  /** The server's error code, if it was the server's error. */
  readonly code: number | undefined;

  constructor(error: unknown) {
    const { message, code } = Object(error) as { message?: unknown; code?: unknown };
    super(typeof message === 'string' ? message : shown(error));
    this.code = typeof code === 'number' ? code : undefined;
  }
}

interface PendingCommand {
  readonly name: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Until its first answer a client starts: some languages compile first. */
const START_PATIENCE = 6;
/** The end of what a client wrote to stderr, characters. */
const STDERR_MAX = 2000;
/** Numbers that some languages write and JSON does not have. */
const NOT_JSON = /(?<=[:[,\s])-?(?:NaN|Infinity)\b/g;

/** Clients that run: none outlives the kit. */
const running = new Set<ClientProcess>();
process.once('exit', () => {
  for (const client of running) client.kill();
});

/** A client in a process of its own: a command is one line of JSON to it, its answer one back. */
export class ClientProcess {
  /** Every event so far, in order. */
  readonly events: ClientEvent[] = [];
  readonly #child: ChildProcess;
  readonly #patienceMs: number;
  readonly #pending = new Map<number, PendingCommand>();
  readonly #waits: Waits;
  #lastId = 0;
  #stderr = '';
  #end: string | undefined;

  /** @param command for the shell, which runs in a process group of its own */
  constructor(command: string, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#waits = new Waits(patienceMs);
    const child = spawn(command, { shell: true, detached: true, stdio: 'pipe' });
    this.#child = child;
    running.add(this);
    child.on('error', (error) => this.#ended(error.message));
    child.on('close', (code, signal) => this.#ended(`ended with ${code ?? signal}`));
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(line));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it has ended by itself. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Has a command carried out.
   *
   * @throws CommandFailed with the client's error, NotSupported if it does not know the command,
   *   Broken without an answer in time
   */
  async call(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#end !== undefined) throw this.#deathDuring(`an answer to "${name}"`);
    const id = ++this.#lastId;
    const timeoutMs = this.#patienceMs * (id === 1 ? START_PATIENCE : 1);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const late = new Broken(`an answer to "${name}"`, `none in ${timeoutMs} ms`);
        timer = setTimeout(() => reject(late), timeoutMs);
        this.#pending.set(id, { name, resolve, reject });
        this.#child.stdin?.write(`${JSON.stringify({ id, do: name, ...args })}\n`);
      });
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /** The first event of this name that passes, among those so far and those to come. */
  async event(
    name: string,
    passes: (event: ClientEvent) => boolean = () => true,
    what = `an event "${name}"`,
  ): Promise<ClientEvent> {
    const find = () => this.events.find((event) => event.event === name && passes(event));
    await this.until(() => find() !== undefined, what);
    return find() as ClientEvent;
  }

  /** The events of this name so far. */
  eventsOf(name: string): ClientEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** Waits for what events bring about. @throws Broken if it does not come in time */
  async until(isDone: () => boolean, what: string): Promise<void> {
    const death = () => (this.#end === undefined ? undefined : this.#deathDuring(what));
    await this.#waits.until(isDone, what, () => this.#lately(), death);
  }

  /** Signals the client and what it started. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It is gone already.
    }
  }

  kill(): void {
    running.delete(this);
    if (this.pid > 0) this.signal('SIGKILL');
  }

  #read(line: string): void {
    let message: { id?: unknown; event?: unknown; [key: string]: unknown };
    try {
      message = Object(JSON.parse(line.replace(NOT_JSON, 'null')));
    } catch {
      // Something else that it prints.
      this.#stderr = `${this.#stderr}${line}\n`.slice(-STDERR_MAX);
      return;
    }
    if (typeof message.event === 'string') this.events.push(message as ClientEvent);
    else this.#answer(message);
    this.#waits.look();
  }

  #answer({ id, result, error, unsupported }: Readonly<Record<string, unknown>>): void {
    const command = this.#pending.get(id as number);
    if (unsupported === true) command?.reject(new NotSupported(command.name));
    else if (error !== undefined && error !== null) command?.reject(new CommandFailed(error));
    else command?.resolve(result ?? null);
  }

  #ended(how: string): void {
    this.#end ??= how;
    running.delete(this);
    for (const { name, reject } of this.#pending.values())
      reject(this.#deathDuring(`an answer to "${name}"`));
    this.#waits.look();
  }

  #deathDuring(what: string): Broken {
    const last = this.#stderr.trim();
    return new Broken(what, `a client that ${this.#end}\n${last}`.trim());
  }

  #lately(): string {
    const last = this.events.slice(-5).map(shown);
    return last.length === 0 ? 'no event' : `none; the last events: ${last.join(' ')}`;
  }
}
