import * as z from 'zod';
import * as schemas from '../schemas.ts';

/** The named schemas of the OpenAPI document. */
const COMPONENTS = {
  PostedPrice: schemas.postedPrice,
  PostResult: schemas.postResult,
  FieldFault: schemas.fieldFault,
  RequestFault: schemas.requestFault,
  SymbolStatistics: schemas.symbolStatistics,
  SymbolStatisticsPage: schemas.symbolStatisticsPage,
  PriceAnomaly: schemas.priceAnomaly,
  PriceAnomalyPage: schemas.priceAnomalyPage,
  PastTick: schemas.pastTick,
  PastTickPage: schemas.pastTickPage,
  RecentAnomalies: schemas.recentAnomalies,
  Alert: schemas.alert,
  AlertPage: schemas.alertPage,
  RecentAlerts: schemas.recentAlerts,
  RulesInForce: schemas.rulesInForce,
  PartitionStatistics: schemas.partitionStatistics,
  ProcessingStatistics: schemas.processingStatistics,
  ClusterOverview: schemas.clusterOverview,
  Health: schemas.health,
  Problem: schemas.problem,
} as const;
export type ComponentName = keyof typeof COMPONENTS;

/** A reference to a named schema. */
export function schemaRef(name: ComponentName): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

/** The named schemas as JSON Schema, referring to one another by name. */
export function componentSchemas(): Readonly<Record<string, object>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id });
  const { schemas: generated } = z.toJSONSchema(registry, {
    uri: (id) => schemaRef(id as ComponentName).$ref,
    override: ({ jsonSchema }) => {
      // Later versions may add members: clients must not refuse them.
      if (jsonSchema.additionalProperties === false) {
        Reflect.deleteProperty(jsonSchema, 'additionalProperties');
      }
      // The format says the same in one word.
      if (jsonSchema.format === 'date-time') Reflect.deleteProperty(jsonSchema, 'pattern');
    },
  });
  for (const schema of Object.values(generated)) {
    // Redundant in every schema: OpenAPI implies it.
    Reflect.deleteProperty(schema, '$schema');
    Reflect.deleteProperty(schema, '$id');
  }
  return generated;
}

/** A parameter of a call, as in OpenAPI 3.1. */
interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly description: string;
  readonly schema: object;
}

/** A call's parameters and answers, as in OpenAPI 3.1. */
export interface Operation {
  readonly operationId: string;
  /**
   * The required access; the configuration decides for `metrics` and `health`. Not part of the
   * document.
   */
  readonly access: 'public' | 'token' | 'operator' | 'metrics' | 'health';
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

const PROBLEMS = {
  401: 'The required token is missing or invalid.',
  403: 'The token does not allow this.',
  429: 'Your address exceeds the request rate limit; `Retry-After` says when to retry.',
  400: 'The request is invalid; `errors` lists every fault.',
  404: 'The symbol has no price yet.',
  413: 'The body is too large or has too many prices.',
  415: 'The body is not JSON.',
  503: 'Temporarily unavailable; `Retry-After` says when to retry.',
} as const;

/** An answer with a JSON document. */
export function answer(description: string, schema: ComponentName): object {
  return { description, content: { 'application/json': { schema: schemaRef(schema) } } };
}

/** An answer with a JSON document or, for `Accept: text/csv`, the same as a table. */
export function tableAnswer(description: string, schema: ComponentName): object {
  const content = {
    'application/json': { schema: schemaRef(schema) },
    'text/csv': { schema: { type: 'string', description: CSV } },
  };
  return { description, content };
}

/** The same for a page of a list. */
export function pageAnswer(description: string, schema: ComponentName): object {
  const link = { description: 'Of CSV: the next page, if any.', schema: { type: 'string' } };
  return { ...tableAnswer(description, schema), headers: { Link: link } };
}

const CSV =
  'RFC 4180 with a header row; members of members are columns such as `a.b`. A text that begins ' +
  "like a formula, or with ', has a ' before it.";

/** An answer with text of some other type. */
export function textAnswer(description: string, type: string): object {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}

/** An answer with a problem document. */
export function problemAnswer(description: string): object {
  const schema = schemaRef('Problem');
  return { description, content: { 'application/problem+json': { schema } } };
}

/** The possible problem documents of a call. */
export function problems(
  ...statuses: readonly (keyof typeof PROBLEMS)[]
): Readonly<Record<string, object>> {
  return Object.fromEntries(
    statuses.map((status) => {
      const response = problemAnswer(PROBLEMS[status]);
      const isTemporary = status === 429 || status === 503;
      return [status, isTemporary ? { ...response, headers: RETRY_AFTER } : response];
    }),
  );
}

const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 0 } },
};

/** An optional parameter of the query. */
export function query(name: string, description: string, schema: object): Parameter {
  return { name, in: 'query', description, schema };
}

/** The symbol in the path. */
export const SYMBOL_PARAMETER = {
  name: 'symbol',
  in: 'path',
  required: true,
  description: 'The symbol, percent-encoded; slashes may stand as they are.',
  schema: { type: 'string' },
} as const;
