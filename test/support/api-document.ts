import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import * as z from 'zod';

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, Json>> }>
  >;
}

interface Document {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Json };
}

/** A server's OpenAPI document, to check its answers against. */
export class ApiDocument {
  readonly document: Document;
  readonly #schemas = new Map<string, z.ZodType>();

  private constructor(document: Document) {
    this.document = document;
  }

  static async fetch(port: number): Promise<ApiDocument> {
    const response = await fetch(`http://127.0.0.1:${port}/openapi.json`);
    return new ApiDocument((await response.json()) as Document);
  }

  /** Checks status, type and every body member of an answer. */
  check(method: string, path: string, response: Response, body: string): void {
    const template = this.#template(path);
    const methods = this.document.paths[template ?? ''] ?? {};
    const operation = methods[method.toLowerCase()];
    if (operation === undefined) {
      expect(response.status).toBe(template === undefined ? 404 : 405);
      return;
    }
    const place = `${operation.operationId} ${response.status}`;
    const described = operation.responses[response.status];
    if (response.status === 204) {
      expect(described, `${place} is described`).toBeDefined();
      expect(body).toBe('');
      return;
    }
    const content = described?.content;
    expect(content, `${place} is described`).toBeDefined();
    const type = (response.headers.get('content-type') ?? '').split(';')[0] as string;
    expect(Object.keys(content ?? {}), `the type of ${place}`).toContain(type);
    if (!type.endsWith('json')) return;
    const schema = this.#schema(place, content?.[type]?.schema as Json);
    const parsed = schema.safeParse(JSON.parse(body));
    expect(parsed.error, `${place} is as described: ${body}`).toBeUndefined();
  }

  #template(path: string): string | undefined {
    const [bare = ''] = path.split('?');
    // The longest that matches: a symbol may have slashes.
    const [longest] = Object.keys(this.document.paths)
      .filter((template) => new RegExp(`^${template.replace('{symbol}', '.+')}$`).test(bare))
      .sort((a, b) => b.length - a.length);
    return longest;
  }

  #schema(place: string, schema: Json): z.ZodType {
    let compiled = this.#schemas.get(place);
    if (compiled === undefined) {
      const root = exact({ ...schema, $defs: this.document.components.schemas });
      compiled = z.fromJSONSchema(root);
      this.#schemas.set(place, compiled);
    }
    return compiled;
  }
}

/** The schema closed to unnamed members: today's server sends none. */
function exact(schema: Json): Json {
  const text = JSON.stringify(schema, (_key, value: unknown) => {
    const isObject = typeof value === 'object' && value !== null && 'properties' in value;
    return isObject ? { ...value, additionalProperties: false } : value;
  });
  return JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')) as Json;
}

const require = createRequire(import.meta.url);
const REDOCLY = require.resolve('@redocly/cli/bin/cli.js');

interface LintReport {
  readonly totals: { readonly errors: number; readonly warnings: number };
  readonly problems: readonly { readonly message: string; readonly ruleId: string }[];
}

/** Redocly's findings in an OpenAPI or AsyncAPI document. */
export async function lintApi(
  document: unknown,
  skippedRules: readonly string[] = [],
): Promise<LintReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tickwire-api-'));
  try {
    const file = join(folder, 'api.json');
    await writeFile(file, JSON.stringify(document));
    const rules = skippedRules.map((rule) => `--skip-rule=${rule}`);
    const args = [REDOCLY, 'lint', file, '--format=json', '--extends=recommended', ...rules];
    const { stdout } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
    return JSON.parse(stdout) as LintReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}
