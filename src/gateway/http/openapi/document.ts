import { componentSchemas } from './components.ts';
import type { Operation } from './operation.ts';
import { listOperations } from './operations.ts';

const DESCRIPTION =
  'Prices in, live statistics and anomalies out. Commands change state, queries read it. Errors ' +
  'are problem documents (RFC 9457). HEAD is answered wherever GET is; query parameters that ' +
  'are not named here are ignored. Bulk and live updates go over WebSocket, at `/v1/publish` ' +
  'and `/v1/stream`.';

const TAGS = [
  { name: 'commands', description: 'What changes state.' },
  { name: 'queries', description: 'What reads it.' },
  { name: 'operation', description: 'For those who run the server.' },
];

/** The OpenAPI 3.1 document of the HTTP API. */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const { method, path, operation } of listOperations()) {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tickwire',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that this document comes from.' }],
    // None is demanded.
    security: [],
    tags: TAGS,
    paths,
    components: { schemas: componentSchemas() },
  };
}
