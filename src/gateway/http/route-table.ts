import type { Handler } from './handler.ts';
import { RequestProblem } from './request-problem.ts';

/** The place in a path that names a symbol. */
const SYMBOL_PLACE = '{symbol}';

interface Path {
  readonly segments: readonly string[];
  readonly handlers: Map<string, Handler>;
}

/** Which handler answers which method and path. */
export class RouteTable {
  readonly #paths = new Map<string, Path>();

  /** @param template a path, in which a segment `{symbol}` stands for any that is not empty */
  add(method: string, template: string, handler: Handler): void {
    const path = this.#paths.get(template) ?? {
      segments: template.split('/'),
      handlers: new Map<string, Handler>(),
    };
    path.handlers.set(method, handler);
    this.#paths.set(template, path);
  }

  /**
   * The handler of a request and the symbol that its path names.
   *
   * @throws RequestProblem 404 for an unknown path, 405 for an unknown method, 400 for a path that
   *   is badly encoded
   */
  find(method: string, path: string): { readonly handler: Handler; readonly symbol: string } {
    const segments = path.split('/');
    const found = this.#match(segments);
    if (found === undefined) throw new RequestProblem(404, 'There is nothing at this path.');
    const handler = found.handlers.get(method === 'HEAD' ? 'GET' : method);
    if (handler === undefined) throw wrongMethod(found);
    const place = found.segments.indexOf(SYMBOL_PLACE);
    return { handler, symbol: place < 0 ? '' : decodeSegment(segments[place] as string) };
  }

  #match(segments: readonly string[]): Path | undefined {
    for (const path of this.#paths.values()) {
      if (path.segments.length !== segments.length) continue;
      const isMatch = path.segments.every((own, i) =>
        own === SYMBOL_PLACE ? segments[i] !== '' : own === segments[i],
      );
      if (isMatch) return path;
    }
    return undefined;
  }
}

function wrongMethod({ handlers }: Path): RequestProblem {
  const methods = [...handlers.keys()].flatMap((method) =>
    method === 'GET' ? ['GET', 'HEAD'] : [method],
  );
  const allow = methods.join(', ');
  return new RequestProblem(405, `This path takes ${allow}.`, {}, { allow });
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new RequestProblem(400, 'The path is not percent-encoded UTF-8.');
  }
}
