import { type ComponentName, schemaRef } from './openapi-components.ts';

/** What a call takes and answers, as OpenAPI 3.1 writes it. */
export interface Operation {
  readonly operationId: string;
  /** What whoever calls must show; of `metrics` and `health` the configuration decides. Not part of the document. */
  readonly access: 'public' | 'token' | 'operator' | 'metrics' | 'health';
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

const PROBLEMS = {
  401: 'Tokens are demanded, and none came that is accepted.',
  403: 'The token does not allow this.',
  429: 'Your address calls too often; `Retry-After` says when to come back.',
  400: 'The request is faulty; every fault is named in `errors`.',
  404: 'No price of this symbol has come yet.',
  413: 'The body is too large, or has too many prices.',
  415: 'The body is not JSON.',
  503: 'Not now; `Retry-After` says when to come back.',
} as const;

/** An answer with a JSON document. */
export function answer(description: string, schema: ComponentName): object {
  return { description, content: { 'application/json': { schema: schemaRef(schema) } } };
}

/** An answer with text of some other type. */
export function textAnswer(description: string, type: string): object {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}

/** An answer with a problem document. */
export function problemAnswer(description: string): object {
  const schema = schemaRef('Problem');
  return { description, content: { 'application/problem+json': { schema } } };
}

/** The problems that a call may be answered with. */
export function problems(
  ...statuses: readonly (keyof typeof PROBLEMS)[]
): Readonly<Record<string, object>> {
  return Object.fromEntries(
    statuses.map((status) => {
      const response = problemAnswer(PROBLEMS[status]);
      const isPassing = status === 429 || status === 503;
      return [status, isPassing ? { ...response, headers: RETRY_AFTER } : response];
    }),
  );
}

const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 0 } },
};

/** An optional parameter of the query. */
export function query(name: string, description: string, schema: object): object {
  return { name, in: 'query', description, schema };
}

/** The symbol in the path. */
export const SYMBOL_PARAMETER = {
  name: 'symbol',
  in: 'path',
  required: true,
  description: 'The symbol, percent-encoded.',
  schema: { type: 'string' },
};
