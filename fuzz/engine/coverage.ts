import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

interface CoverageRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
}

/**
 * Which blocks of some files of this thread have run: V8 counts them, and tells through its
 * inspector. Asking takes milliseconds, so it is done after many executions; see `Campaign`.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #suffixes: readonly string[];
  /** By URL: 1 for every character of the file's code that has run. */
  readonly #reached = new Map<string, Uint8Array>();
  #reachedCount = 0;

  /** @param files ends of paths of files; `.js` where they have no extension */
  constructor(files: readonly string[]) {
    this.#suffixes = files.map((file) => `/${file}${file.includes('.') ? '' : '.js'}`);
    this.#session.connect();
    this.#call('Profiler.enable');
    this.#call('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Characters of code that have run so far. */
  get reached(): number {
    return this.#reachedCount;
  }

  /** Characters of the files in which something has run, comments included. */
  get size(): number {
    return [...this.#reached.values()].reduce((size, map) => size + map.length, 0);
  }

  /**
   * What ran since the last call that had not run before, in characters.
   *
   * @param isKept whether it counts as having run from now on
   */
  news(isKept: boolean): number {
    const { result } = this.#call('Profiler.takePreciseCoverage') as {
      readonly result: readonly ScriptCoverage[];
    };
    let news = 0;
    for (const script of result) {
      if (this.#suffixes.some((suffix) => script.url.endsWith(suffix))) {
        news += this.#newsOf(script, isKept);
      }
    }
    return news;
  }

  close(): void {
    this.#session.disconnect();
  }

  #newsOf({ url, functions }: ScriptCoverage, isKept: boolean): number {
    const reached = this.#mapOf(url);
    const now = new Uint8Array(reached.length);
    // Outer ranges come before those inside them, which say more.
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
    }
    let news = 0;
    for (let at = 0; at < now.length; at++) {
      if (now[at] === 0 || reached[at] === 1) continue;
      news++;
      if (isKept) reached[at] = 1;
    }
    if (isKept) this.#reachedCount += news;
    return news;
  }

  #mapOf(url: string): Uint8Array {
    let map = this.#reached.get(url);
    if (map === undefined) {
      const path = url.startsWith('file:') ? fileURLToPath(url) : url;
      map = new Uint8Array(readFileSync(path, 'utf8').length);
      this.#reached.set(url, map);
    }
    return map;
  }

  #call(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    // A session on its own thread answers before `post` returns.
    this.#session.post(method, parameters, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw new Error(`the inspector refused ${method}: ${String(failure)}`);
    return answer;
  }
}
