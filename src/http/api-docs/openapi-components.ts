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
  RecentAnomalies: schemas.recentAnomalies,
  PartitionStatistics: schemas.partitionStatistics,
  ProcessingStatistics: schemas.processingStatistics,
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
      // Later versions may add members to any document, so clients must not refuse them.
      if (jsonSchema.additionalProperties === false) {
        Reflect.deleteProperty(jsonSchema, 'additionalProperties');
      }
      // The format says it, in one word instead of two hundred characters.
      if (jsonSchema.format === 'date-time') Reflect.deleteProperty(jsonSchema, 'pattern');
    },
  });
  for (const schema of Object.values(generated)) {
    // What every schema of the document would say alike, and OpenAPI says already.
    Reflect.deleteProperty(schema, '$schema');
    Reflect.deleteProperty(schema, '$id');
  }
  return generated;
}
