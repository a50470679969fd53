import { RECENT_LIMIT_DEFAULT } from '../queries/anomalies.ts';
import { LIMIT_DEFAULT, LIMIT_MAX } from '../query-parameters.ts';
import {
  answer,
  type Operation,
  problemAnswer,
  problems,
  query,
  SYMBOL_PARAMETER,
  schemaRef,
  textAnswer,
} from './openapi-elements.ts';

const TEXT = { type: 'string' };
const SEQUENCE = { type: 'integer', minimum: 0 };

function limitParameter(fallback: number): object {
  const schema = { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: fallback };
  return query('limit', 'Items at most.', schema);
}

const ONE_OR_MANY = {
  oneOf: [schemaRef('PostedPrice'), { type: 'array', items: schemaRef('PostedPrice') }],
};

/** Digits are milliseconds since the epoch. */
const TIME_SCHEMA = { type: 'string', pattern: '^\\d{1,16}$|^\\d{4}-' };

/** Every call of the HTTP API by method and path. The router takes its routes from here. */
export const OPERATIONS = {
  'POST /api/prices': {
    operationId: 'postPrices',
    access: 'token',
    summary: 'Take in one price or many',
    description:
      'A single price is accepted or refused as a whole. Of an array, each price is judged by ' +
      'itself, and those rejected are named.',
    tags: ['commands'],
    requestBody: { required: true, content: { 'application/json': { schema: ONE_OR_MANY } } },
    responses: {
      202: answer('Taken in, and applied soon.', 'PostResult'),
      ...problems(400, 413, 415, 503),
    },
  },
  'GET /api/prices': {
    operationId: 'listStatistics',
    access: 'token',
    summary: 'Statistics of all symbols',
    tags: ['queries'],
    parameters: [
      query('prefix', 'Only symbols that begin with this.', TEXT),
      query('after', 'Only symbols that come after this one.', TEXT),
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: answer('A page of symbols that have had a price.', 'SymbolStatisticsPage'),
      ...problems(400, 503),
    },
  },
  'GET /api/prices/{symbol}': {
    operationId: 'symbolStatistics',
    access: 'token',
    summary: 'Statistics of a symbol',
    tags: ['queries'],
    parameters: [SYMBOL_PARAMETER],
    responses: {
      200: answer('The statistics now.', 'SymbolStatistics'),
      ...problems(400, 404, 503),
    },
  },
  'GET /api/prices/{symbol}/anomalies': {
    operationId: 'symbolAnomalies',
    access: 'token',
    summary: 'Anomalies of a symbol',
    description: 'Without `after`, the page ends with the newest one asked for.',
    tags: ['queries'],
    parameters: [
      SYMBOL_PARAMETER,
      query('after', 'Only anomalies with a greater sequence.', SEQUENCE),
      query('before', 'Only anomalies with a smaller sequence.', SEQUENCE),
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: answer('A page of those that the server still holds.', 'PriceAnomalyPage'),
      ...problems(400, 404),
    },
  },
  'GET /api/anomalies': {
    operationId: 'recentAnomalies',
    access: 'token',
    summary: 'The most recent anomalies, or those of a span of time',
    description:
      'Without `from`, `to` and `after`, the most recent ones, newest first. With any of them, a ' +
      'page of those whose ticks have times in the range, oldest first, which needs a store.',
    tags: ['queries'],
    parameters: [
      query('from', 'The earliest time of a tick, ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('to', 'The time before which ticks are, ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('after', 'The `next` of the page before.', { type: 'string' }),
      limitParameter(RECENT_LIMIT_DEFAULT),
    ],
    responses: {
      200: answer('Newest first, or a page, oldest first.', 'RecentAnomalies'),
      ...problems(400),
      404: problemAnswer('There is no store to page through.'),
    },
  },
  'GET /api/statistics': {
    operationId: 'processingStatistics',
    access: 'operator',
    summary: 'What the server did so far',
    tags: ['queries'],
    responses: { 200: answer('Totals and partitions.', 'ProcessingStatistics') },
  },
  'GET /metrics': {
    operationId: 'metrics',
    access: 'metrics',
    summary: 'Metrics for Prometheus',
    tags: ['operation'],
    responses: { 200: textAnswer('The text format of Prometheus.', 'text/plain') },
  },
  'GET /healthz': {
    operationId: 'liveness',
    access: 'health',
    summary: 'Whether the process lives',
    tags: ['operation'],
    responses: { 200: answer('It does.', 'Health') },
  },
  'GET /readyz': {
    operationId: 'readiness',
    access: 'health',
    summary: 'Whether traffic should be sent here',
    tags: ['operation'],
    responses: { 200: answer('It should.', 'Health'), ...problems(503) },
  },
  'GET /openapi.json': {
    operationId: 'openApi',
    access: 'public',
    summary: 'This document',
    tags: ['operation'],
    responses: {
      200: {
        description: 'OpenAPI 3.1.',
        content: { 'application/json': { schema: { type: 'object' } } },
      },
    },
  },
  'GET /asyncapi.json': {
    operationId: 'asyncApi',
    access: 'public',
    summary: 'The description of the WebSocket protocol',
    tags: ['operation'],
    responses: {
      200: {
        description: 'AsyncAPI 3.',
        content: { 'application/json': { schema: { type: 'object' } } },
      },
    },
  },
  'GET /api': {
    operationId: 'callList',
    access: 'public',
    summary: 'A page that names all of these',
    tags: ['operation'],
    responses: { 200: textAnswer('A page for people.', 'text/html') },
  },
  'GET /': {
    operationId: 'dashboard',
    access: 'public',
    summary: 'The dashboard',
    tags: ['operation'],
    responses: {
      200: textAnswer('A page for people, which loads scripts and styles of its own.', 'text/html'),
      503: problemAnswer('The server was built without it.'),
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** Method and path of a call, such as `GET /api/prices/{symbol}`. */
export type OperationKey = keyof typeof OPERATIONS;

/** Every call, with method and path separate. */
export function listOperations(): readonly {
  readonly key: OperationKey;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}[] {
  return Object.entries(OPERATIONS).map(([key, operation]) => {
    const [method, path] = key.split(' ') as [string, string];
    return { key: key as OperationKey, method, path, operation };
  });
}
