import { onTestFinished } from 'vitest';
import { until } from '../../testkit/until.ts';

/** An event as a client reads it. */
export interface ReadEvent {
  readonly type: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads `GET /api/stream` until the test ends. */
export class EventReader {
  readonly status: number;
  readonly headers: Headers;
  readonly events: ReadEvent[] = [];
  /** Comments of server-sent events, and their times to retry. */
  readonly others: string[] = [];
  isEnded = false;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#abort = abort;
    const isSse = response.headers.get('content-type') === 'text/event-stream';
    void this.#read(response, isSse ? '\n\n' : '\n', isSse ? readSse : readLine);
  }

  static async open(
    port: number,
    query: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventReader> {
    const abort = new AbortController();
    const url = `http://127.0.0.1:${port}/api/stream?${query}`;
    const response = await fetch(url, { headers, signal: abort.signal });
    onTestFinished(() => abort.abort());
    return new EventReader(response, abort);
  }

  of(type: string): readonly Readonly<Record<string, unknown>>[] {
    return this.events.filter((event) => event.type === type).map(({ data }) => data);
  }

  async received(type: string, count: number) {
    const describe = () => `${count} events ${type}: ${JSON.stringify(this.events.slice(-5))}`;
    await until(() => this.of(type).length >= count).catch(() => {
      throw new Error(describe());
    });
    return this.of(type);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response, end: string, parse: (text: string) => ReadEvent | undefined) {
    let rest = '';
    try {
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const texts = (rest + part).split(end);
        rest = texts.pop() ?? '';
        for (const text of texts) {
          const event = parse(text);
          if (event === undefined) this.others.push(text);
          else this.events.push(event);
        }
      }
    } catch {
      // Aborted, or cut off.
    }
    this.isEnded = true;
  }
}

function readSse(text: string): ReadEvent | undefined {
  const lines = new Map(
    text.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]),
  );
  const [type, data] = [lines.get('event'), lines.get('data')];
  if (type === undefined || data === undefined) return undefined;
  return { type, id: lines.get('id'), data: JSON.parse(data) as ReadEvent['data'] };
}

function readLine(text: string): ReadEvent {
  const { type, id, ...data } = JSON.parse(text) as Record<string, unknown>;
  return { type: String(type), id: id as string | undefined, data };
}
