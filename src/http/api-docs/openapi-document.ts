import { componentSchemas, type Operation, problems } from './openapi-elements.ts';
import { listOperations } from './openapi-operations.ts';

const DESCRIPTION =
  'Prices in, live statistics and anomalies out. Commands change state, queries read it. Errors ' +
  'are problem documents (RFC 9457). HEAD is answered wherever GET is; a query parameter not ' +
  'named here is refused with 400. Bulk and live updates go over WebSocket, at `/v1/publish` ' +
  'and `/v1/stream`.';

const TAGS = [
  { name: 'commands', description: 'Change state.' },
  { name: 'queries', description: 'Read state.' },
  { name: 'operation', description: 'For operators.' },
];

const TOKEN = {
  type: 'http',
  scheme: 'bearer',
  description: 'A signed token (JWT) or an API key, if the server requires one.',
};
const TOKEN_PROBLEMS = [401, 403, 503] as const;

/** The OpenAPI 3.1 document of the HTTP API. */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, operation } of listOperations()) {
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tickwire',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '.', description: 'The server that this document comes from.' }],
    // The configuration decides whether tokens are required.
    security: [{ token: [] }, {}],
    tags: TAGS,
    paths,
    components: { schemas: componentSchemas(), securitySchemes: { token: TOKEN } },
  };
}

function described({ access, ...operation }: Operation): object {
  const isOpen = access === 'public';
  const responses = {
    ...operation.responses,
    ...problems(400, 429, ...(isOpen ? [] : TOKEN_PROBLEMS)),
  };
  return { ...operation, responses, ...(isOpen ? { security: [] } : {}) };
}
