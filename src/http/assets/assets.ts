import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Handler } from '../handler.ts';
import { RequestProblem } from '../request-problem.ts';
import { Asset } from './asset.ts';
import { ASSETS } from './asset-list.ts';

/** What the server has for browsers: the dashboard and the SDK, read once. */
export class Assets {
  readonly #assets: ReadonlyMap<string, Asset>;

  private constructor(assets: ReadonlyMap<string, Asset>) {
    this.#assets = assets;
  }

  /** @param folder of the build; what is not there is {@link missing} */
  static async read(folder: string): Promise<Assets> {
    const assets = new Map<string, Asset>();
    const reads = Object.entries(ASSETS).map(async ([path, { file, headers }]) => {
      const content = await readFile(join(folder, file)).catch(() => undefined);
      if (content !== undefined) assets.set(path, new Asset(content, headers));
    });
    await Promise.all(reads);
    return new Assets(assets);
  }

  /** The paths whose files were not there. */
  get missing(): readonly string[] {
    return Object.keys(ASSETS).filter((path) => !this.#assets.has(path));
  }

  /** Answers the requests of a path of the list. */
  handler(path: string): Handler {
    const asset = this.#assets.get(path);
    if (asset !== undefined) return (request) => asset.respond(request);
    return () => {
      throw new RequestProblem(503, 'This part of the server was not built: npm run build.');
    };
  }
}
