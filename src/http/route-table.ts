import type { AccessLevel } from './access.ts';
import type { Handler } from './context.ts';
import { RequestProblem } from './problems.ts';

/** The part of a template that matches a symbol. */
const SYMBOL_PLACE = '{symbol}';

/** The handler of one method of a path. */
export interface Route {
  readonly handler: Handler;
  readonly accessLevel: AccessLevel;
  /** Names that the query may have; undefined: any. */
  readonly parameters: readonly string[] | undefined;
}

type Routes = Map<string, Route>;

/** A path with a symbol: what comes before it, and after. */
interface SymbolPath {
  readonly prefix: string;
  readonly suffix: string;
  readonly routes: Routes;
}

/** Maps methods and paths to handlers. */
export class RouteTable {
  readonly #paths = new Map<string, Routes>();
  /** Longest suffix first. */
  readonly #symbolPaths: SymbolPath[] = [];

  /**
   * @param template a path; its part `{symbol}` matches any text, slashes too: proxies decode `%2F`
   */
  add(method: string, template: string, route: Route): void {
    this.#routesOf(template).set(method, route);
  }

  /**
   * The route of a request and the symbol in its path.
   *
   * @throws RequestProblem 404 for an unknown path, 405 for an unknown method, 400 for bad encoding
   */
  find(method: string, path: string): Route & { readonly symbol: string } {
    const found = this.#match(path);
    if (found === undefined) throw unknownPath();
    const { routes, symbol } = found;
    const route = routes.get(method === 'HEAD' ? 'GET' : method);
    if (route === undefined) throw wrongMethod(routes);
    return { ...route, symbol: decode(symbol) };
  }

  /**
   * The methods of a path, as the header `allow` has them.
   *
   * @throws RequestProblem 404 for an unknown path
   */
  methodsOf(path: string): string {
    const found = this.#match(path);
    if (found === undefined) throw unknownPath();
    return methodNames(found.routes);
  }

  #routesOf(template: string): Routes {
    const known = this.#paths.get(template);
    if (known !== undefined) return known;
    const routes: Routes = new Map();
    this.#paths.set(template, routes);
    const [prefix = '', suffix] = template.split(SYMBOL_PLACE);
    if (suffix !== undefined) {
      this.#symbolPaths.push({ prefix, suffix, routes });
      this.#symbolPaths.sort((a, b) => b.suffix.length - a.suffix.length);
    }
    return routes;
  }

  #match(path: string): { readonly routes: Routes; readonly symbol: string } | undefined {
    const routes = this.#paths.get(path);
    if (routes !== undefined) return { routes, symbol: '' };
    for (const { prefix, suffix, routes } of this.#symbolPaths) {
      const end = path.length - suffix.length;
      if (end <= prefix.length || !path.startsWith(prefix) || !path.endsWith(suffix)) continue;
      return { routes, symbol: path.slice(prefix.length, end) };
    }
    return undefined;
  }
}

function unknownPath(): RequestProblem {
  return new RequestProblem(404, 'There is nothing at this path.');
}

function wrongMethod(routes: Routes): RequestProblem {
  const allow = methodNames(routes);
  return new RequestProblem(405, `This path takes ${allow}.`, {}, { allow });
}

function methodNames(routes: Routes): string {
  const methods = [...routes.keys()].flatMap((method) =>
    method === 'GET' ? ['GET', 'HEAD'] : [method],
  );
  return [...methods, 'OPTIONS'].join(', ');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RequestProblem(400, 'The path is not percent-encoded UTF-8.');
  }
}
