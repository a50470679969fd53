import WebSocket from 'ws';

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params: { readonly sessionId: string; readonly message: string };
  readonly result?: {
    readonly result?: readonly {
      readonly url: string;
      readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
    }[];
  };
}

/** Waiting standby threads may never answer: they are left out. */
const WORKER_TIMEOUT_MS = 10_000;
const COVERAGE = { callCount: true, detailed: false };

/** Which built files of `src` ran in a process started with `--inspect`, in all its threads. */
export class FileCoverage implements Disposable {
  readonly #socket: WebSocket;
  /** Sessions of worker threads. */
  readonly #workers: string[] = [];
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #lastId = 0;

  private constructor(url: string) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on('message', (data: Buffer) =>
      this.#received(JSON.parse(data.toString()) as Reply),
    );
  }

  /** @param url of the inspector, as the process prints it */
  static async start(url: string): Promise<FileCoverage> {
    const coverage = new FileCoverage(url);
    await new Promise((resolve, reject) => {
      coverage.#socket.once('open', resolve).once('error', reject);
    });
    await coverage.#call('NodeWorker.enable', { waitForDebuggerOnStart: false });
    await coverage.#begin();
    const attached = [...coverage.#workers];
    const began = await Promise.all(attached.map((worker) => coverage.#beginWorker(worker)));
    coverage.#workers.splice(0, Infinity, ...attached.filter((_, at) => began[at]));
    return coverage;
  }

  /** Paths below `src`, without ending, of files with a function called since the last call. */
  async take(): Promise<Set<string>> {
    const threads = [undefined, ...this.#workers];
    const replies = await Promise.all(
      threads.map((thread) => this.#call('Profiler.takePreciseCoverage', {}, thread)),
    );
    const ran = replies
      .flatMap(({ result }) => result?.result ?? [])
      .filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0));
    const paths = ran.map(({ url }) => /\/dist\/src\/(.*)\.js$/.exec(url)?.[1]);
    return new Set(paths.filter((path) => path !== undefined));
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  async #begin(worker?: string): Promise<void> {
    await this.#call('Profiler.enable', {}, worker);
    await this.#call('Profiler.startPreciseCoverage', COVERAGE, worker);
  }

  async #beginWorker(worker: string): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), WORKER_TIMEOUT_MS);
    });
    const began = await Promise.race([this.#begin(worker).then(() => true), timeout]);
    clearTimeout(timer);
    return began;
  }

  #call(method: string, params: object, worker?: string): Promise<Reply> {
    const id = ++this.#lastId;
    const message = JSON.stringify({ id, method, params });
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      if (worker === undefined) this.#socket.send(message);
      else this.#send('NodeWorker.sendMessageToWorker', { sessionId: worker, message });
    });
  }

  #send(method: string, params: object): void {
    this.#socket.send(JSON.stringify({ id: ++this.#lastId, method, params }));
  }

  #received({ id, method, params, ...reply }: Reply): void {
    if (method === 'NodeWorker.attachedToWorker') this.#workers.push(params.sessionId);
    if (method === 'NodeWorker.receivedMessageFromWorker') {
      this.#received(JSON.parse(params.message) as Reply);
    }
    if (id === undefined) return;
    this.#waiting.get(id)?.({ params, ...reply });
    this.#waiting.delete(id);
  }
}
