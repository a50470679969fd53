import type { AccessLevel } from './access.ts';
import type { Handler } from './context.ts';
import { RequestProblem } from './problems.ts';

/** The segment of a template that matches a symbol. */
const SYMBOL_PLACE = '{symbol}';

/** The handler of one method of a path. */
export interface Route {
  readonly handler: Handler;
  readonly accessLevel: AccessLevel;
}

interface Path {
  readonly segments: readonly string[];
  readonly routes: Map<string, Route>;
}

/** Maps methods and paths to handlers. */
export class RouteTable {
  readonly #paths = new Map<string, Path>();

  /** @param template a path; its segment `{symbol}` matches any segment but an empty one */
  add(method: string, template: string, route: Route): void {
    const path = this.#paths.get(template) ?? {
      segments: template.split('/'),
      routes: new Map<string, Route>(),
    };
    path.routes.set(method, route);
    this.#paths.set(template, path);
  }

  /**
   * The route of a request and the symbol in its path.
   *
   * @throws RequestProblem 404 for an unknown path, 405 for an unknown method, 400 for bad encoding
   */
  find(method: string, path: string): Route & { readonly symbol: string } {
    const segments = path.split('/');
    const found = this.#match(segments);
    if (found === undefined) throw new RequestProblem(404, 'There is nothing at this path.');
    const route = found.routes.get(method === 'HEAD' ? 'GET' : method);
    if (route === undefined) throw wrongMethod(found);
    const place = found.segments.indexOf(SYMBOL_PLACE);
    return { ...route, symbol: place < 0 ? '' : decodeSegment(segments[place] as string) };
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

function wrongMethod({ routes }: Path): RequestProblem {
  const methods = [...routes.keys()].flatMap((method) =>
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
