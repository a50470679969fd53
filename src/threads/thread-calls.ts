import { type MessagePort, Worker } from 'node:worker_threads';

/*
 * Calls to functions of another thread: each has one argument, and its answer comes as a promise.
 *
 *   caller ── { id, name, argument } ──▶ thread      in order; answered in order, unless a
 *   caller ◀── { id, answer or fault } ── thread     function returns a promise
 *
 * The answer with id 0 says that the thread is ready.
 */

/** What a thread can be asked: functions of one argument. */
type Functions<F> = { readonly [Name in keyof F]: (argument: never) => unknown };

type Argument<F> = F extends (argument: infer A) => unknown ? A : never;
/** What a caller of a function gets. */
export type Answer<F> = F extends (argument: never) => infer R ? Unmoved<Awaited<R>> : never;
type Unmoved<R> = R extends Moved<infer T> ? T : R;

/** An argument or an answer whose buffers move to the other thread instead of being copied. */
export class Moved<T> {
  readonly value: T;
  readonly buffers: readonly ArrayBuffer[];

  constructor(value: T, buffers: readonly ArrayBuffer[]) {
    this.value = value;
    this.buffers = buffers;
  }
}

/** Name of the call that ends a thread. */
const CLOSE = 'close';

interface Call {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface CallAnswer {
  readonly id: number;
  readonly answer?: unknown;
  readonly fault?: CallFault | undefined;
}

/** An error that a function of the thread threw, or that ended it. */
export interface CallFault {
  /** The error's `name`. */
  readonly name: string;
  readonly message: string;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Calls the functions of one thread. The process may end while no call is open. */
export class ThreadCaller<F extends Functions<F>> {
  /** Resolves with what the thread said when it was ready. */
  readonly ready: Promise<unknown>;
  readonly #worker: Worker;
  readonly #toError: (fault: CallFault) => Error;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #isAlive = true;
  #isClosing = false;
  #fault: CallFault;

  /**
   * @param name of the thread, for messages
   * @param toError makes the error with which a call is rejected
   */
  constructor(worker: Worker, name: string, toError: (fault: CallFault) => Error) {
    this.#worker = worker;
    this.#toError = toError;
    this.#fault = { name: 'Error', message: `the ${name} thread has ended` };
    this.ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    worker.on('message', (answer: CallAnswer) => this.#settle(answer));
    worker.on('error', (error: Error) => {
      const message = `the ${name} thread has failed: ${error.message}`;
      this.#fault = { name: error.name, message };
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#isAlive = false;
        for (const { reject } of this.#waiting.values()) reject(toError(this.#fault));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** False once the thread has ended. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Rejects with what `toError` makes of an error of the function, or of the thread's end. */
  call<Name extends keyof F & string>(
    name: Name,
    argument: Argument<F[Name]> | Moved<Argument<F[Name]>>,
  ): Promise<Answer<F[Name]>> {
    return this.#call(name, argument);
  }

  /** Lets the thread end in good order, after the calls that are open. */
  async close(): Promise<void> {
    if (!this.#isAlive) return;
    this.#isClosing = true;
    await this.#call(CLOSE, undefined);
    await this.#ended;
  }

  /** Ends the thread at once. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
    await this.#ended;
  }

  #call<T>(name: string, argument: unknown): Promise<T> {
    if (!this.#isAlive) return Promise.reject(this.#toError(this.#fault));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      const [value, buffers] = unwrap(argument);
      this.#worker.postMessage({ id, name, argument: value } satisfies Call, buffers);
    });
  }

  #settle({ id, answer, fault }: CallAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0 && !this.#isClosing) this.#worker.unref();
    if (fault === undefined) waiting?.resolve(answer as never);
    else waiting?.reject(this.#toError(fault));
  }
}

/**
 * The thread's end: says that it is ready, then answers calls until it is closed.
 *
 * @param close called before the thread ends in good order
 */
export function answerCalls<F extends Functions<F>>(
  port: MessagePort,
  functions: F,
  close: () => Promise<void> | void,
): void {
  const perform = (name: string, argument: unknown): unknown => {
    if (name === CLOSE) return close();
    return functions[name as keyof F](argument as never);
  };
  const answerOne = async ({ id, name, argument }: Call): Promise<void> => {
    try {
      const [answer, buffers] = unwrap(await perform(name, argument));
      port.postMessage({ id, answer } satisfies CallAnswer, buffers);
      if (name === CLOSE) port.close();
    } catch (error) {
      port.postMessage({ id, fault: faultOf(error) } satisfies CallAnswer);
    }
  };
  port.on('message', (call: Call) => void answerOne(call));
  port.postMessage({ id: 0 } satisfies CallAnswer);
}

function unwrap(value: unknown): [value: unknown, buffers: ArrayBuffer[]] {
  return value instanceof Moved ? [value.value, [...value.buffers]] : [value, []];
}

function faultOf(error: unknown): CallFault {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: 'Error', message: String(error) };
}

/**
 * Starts a thread from a module: the built JavaScript or, in tests, the TypeScript source.
 *
 * @param from `import.meta.url` of the caller
 * @param path of the module, relative to the caller, without its ending
 */
export function startThread(from: string, path: string, data: object): Worker {
  const isBuilt = from.endsWith('.js');
  if (isBuilt) return new Worker(new URL(`${path}.js`, from), { workerData: data });
  const entry = new URL(`${path}.ts`, from).href;
  const bootstrap = new URL('../../scripts/ts-worker.mjs', import.meta.url);
  return new Worker(bootstrap, { workerData: { ...data, entry } });
}
