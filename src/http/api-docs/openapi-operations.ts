import { LEVEL_NAMES, PHASE_NAMES } from '../../protocol/index.ts';
import { RECENT_LIMIT_DEFAULT } from '../queries/record-pages.ts';
import { EVERY_MS_MAX } from '../queries/ticks.ts';
import { LIMIT_DEFAULT, LIMIT_MAX } from '../query-parameters.ts';
import {
  answer,
  type Operation,
  pageAnswer,
  problemAnswer,
  problems,
  query,
  SYMBOL_PARAMETER,
  schemaRef,
  tableAnswer,
  textAnswer,
} from './openapi-elements.ts';

const TEXT = { type: 'string' };
const SEQUENCE = { type: 'integer', minimum: 0 };

function limitParameter(fallback: number): ReturnType<typeof query> {
  const schema = { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: fallback };
  return query('limit', 'Most items in the answer.', schema);
}

/** A parameter that may have several values. */
function repeated(name: string, description: string, items: object) {
  const schema = { type: 'array', items };
  return { ...query(name, `${description} May be repeated.`, schema), explode: true };
}

/** Which symbols a list has. */
const SELECTION = [
  repeated('symbol', 'Only this symbol.', TEXT),
  query(
    'symbols',
    'Only these symbols, separated by commas. A `*` stands for any characters; at most 16 may ' +
      'have one. Symbols without a price are left out.',
    TEXT,
  ),
];

const ONE_OR_MANY = {
  oneOf: [schemaRef('PostedPrice'), { type: 'array', items: schemaRef('PostedPrice') }],
};

/** Digits are milliseconds since the epoch. */
const TIME_SCHEMA = { type: 'string', pattern: '^\\d{1,16}$|^\\d{4}-' };

/** Every call of the HTTP API, by method and path. The router takes its routes from here. */
export const OPERATIONS = {
  'POST /api/prices': {
    operationId: 'postPrices',
    access: 'token',
    summary: 'Post one price or many',
    description:
      'A single price is accepted or refused as a whole. Each price of an array is judged by ' +
      'itself; the answer lists the rejected ones.',
    tags: ['commands'],
    requestBody: { required: true, content: { 'application/json': { schema: ONE_OR_MANY } } },
    responses: {
      202: answer('Accepted; applied soon.', 'PostResult'),
      ...problems(400, 413, 415, 503),
    },
  },
  'GET /api/prices': {
    operationId: 'listStatistics',
    access: 'token',
    summary: 'Statistics of all symbols, or of some',
    description:
      'Without `limit`, a page has up to 100 symbols, or 1000 if the query names them without `*`.',
    tags: ['queries'],
    parameters: [
      query('prefix', 'Only symbols that begin with this.', TEXT),
      query('after', 'Only symbols that come after this one.', TEXT),
      ...SELECTION,
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('A page of symbols with at least one price.', 'SymbolStatisticsPage'),
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
      200: tableAnswer('The current statistics.', 'SymbolStatistics'),
      ...problems(400, 404, 503),
    },
  },
  'DELETE /api/prices/{symbol}': {
    operationId: 'retireSymbol',
    access: 'operator',
    summary: 'Retire a symbol',
    description:
      'Forgets its statistics and tells its subscribers. Its anomalies stay in the history. The ' +
      'next tick of the symbol begins it anew.',
    tags: ['commands'],
    parameters: [SYMBOL_PARAMETER],
    responses: {
      204: { description: 'It is gone.' },
      ...problems(400, 404, 503),
    },
  },
  'GET /api/prices/{symbol}/anomalies': {
    operationId: 'symbolAnomalies',
    access: 'token',
    summary: 'Anomalies of a symbol',
    description: 'Without `after`, the page ends with the newest anomaly in the range.',
    tags: ['queries'],
    parameters: [
      SYMBOL_PARAMETER,
      query('after', 'Only anomalies with a greater sequence.', SEQUENCE),
      query('before', 'Only anomalies with a smaller sequence.', SEQUENCE),
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('A page of the anomalies that the server still has.', 'PriceAnomalyPage'),
      ...problems(400, 404),
    },
  },
  'GET /api/prices/{symbol}/alerts': {
    operationId: 'symbolAlerts',
    access: 'token',
    summary: 'Alerts of a symbol',
    description: 'Without `after`, the page ends with the newest alert in the range.',
    tags: ['queries'],
    parameters: [
      SYMBOL_PARAMETER,
      query('after', 'Only alerts with a greater sequence.', SEQUENCE),
      query('before', 'Only alerts with a smaller sequence.', SEQUENCE),
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('A page of the alerts that the server still has.', 'AlertPage'),
      ...problems(400, 404),
    },
  },
  'GET /api/prices/{symbol}/ticks': {
    operationId: 'symbolTicks',
    access: 'token',
    summary: 'Past ticks of a symbol',
    description:
      'What the journal still has; nothing without a store. With `from` or `after`, the first ' +
      'ticks from there on; otherwise the last ones before `to`, or of all. A page may have ' +
      'fewer ticks than `limit` and still a `next`, where a symbol is rare.',
    tags: ['queries'],
    parameters: [
      SYMBOL_PARAMETER,
      query('from', 'Ticks of this time and later: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('to', 'Ticks before this time: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('after', '`next` of the previous page.', TEXT),
      query('every', 'Only the last tick of each interval of so many ms.', {
        type: 'integer',
        minimum: 1,
        maximum: EVERY_MS_MAX,
      }),
      limitParameter(LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('A page, oldest first.', 'PastTickPage'),
      ...problems(400, 404, 503),
    },
  },
  'GET /api/anomalies': {
    operationId: 'recentAnomalies',
    access: 'token',
    summary: 'The most recent anomalies, or those of a time range',
    description:
      'Without `from`, `to` and `after`, the most recent anomalies, newest first. With any of ' +
      'them, a page of those with tick times in the range, oldest first, which requires a store.',
    tags: ['queries'],
    parameters: [
      query('from', 'Start of the range, inclusive: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('to', 'End of the range, exclusive: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('after', '`next` of the previous page.', TEXT),
      ...SELECTION,
      limitParameter(RECENT_LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('Newest first, or a page, oldest first.', 'RecentAnomalies'),
      ...problems(400),
      404: problemAnswer('The server has no store.'),
    },
  },
  'GET /api/alerts': {
    operationId: 'recentAlerts',
    access: 'token',
    summary: 'The most recent alerts of rules, or those of a time range',
    description:
      'Without `from`, `to` and `after`, the most recent alerts, newest first. With any of them, ' +
      'a page of those with times in the range, oldest first, which requires a store.',
    tags: ['queries'],
    parameters: [
      query('from', 'Start of the range, inclusive: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('to', 'End of the range, exclusive: ms since the epoch or RFC 3339.', TIME_SCHEMA),
      query('after', '`next` of the previous page.', TEXT),
      ...SELECTION,
      repeated('rule', 'Only alerts of this rule.', TEXT),
      repeated('level', 'Only alerts of this level.', { enum: Object.values(LEVEL_NAMES) }),
      repeated('phase', 'Only alerts of this phase.', { enum: Object.values(PHASE_NAMES) }),
      limitParameter(RECENT_LIMIT_DEFAULT),
    ],
    responses: {
      200: pageAnswer('Newest first, or a page, oldest first.', 'RecentAlerts'),
      ...problems(400),
      404: problemAnswer('The server has no store.'),
    },
  },
  'GET /api/rules': {
    operationId: 'rules',
    access: 'token',
    summary: 'The rules in force',
    tags: ['queries'],
    responses: { 200: answer("Those of the caller's tenant.", 'RulesInForce') },
  },
  'GET /api/stream': {
    operationId: 'stream',
    access: 'token',
    summary: 'Statistics, anomalies and alerts as they come',
    description:
      'An answer without an end, for clients without WebSocket. `Accept: text/event-stream` (as ' +
      'EventSource sends) gets server-sent events, all others JSON lines, whose `type` is the ' +
      'name of the event: `welcome`, `statistics`, `anomaly`, `alert`, `retired`, `heartbeat` (a ' +
      'comment in server-sent events), `goaway`, `gap`, `alertGap`, `problem`. An event of ' +
      'statistics has the newest values; a slow reader skips those between, but gets every ' +
      'anomaly and alert. Who comes back with `Last-Event-ID` gets those since then first.',
    tags: ['queries'],
    parameters: [
      ...SELECTION,
      query('statistics', 'Whether statistics are wanted.', { type: 'boolean', default: true }),
      query('anomalies', 'Whether anomalies are wanted.', { type: 'boolean', default: true }),
      query('alerts', 'Whether alerts of rules are wanted.', { type: 'boolean', default: false }),
      query('fields', 'Statistics wanted, separated by commas. Default: all.', TEXT),
      query('conflateMs', 'Least time between two events of statistics.', {
        type: 'integer',
        minimum: 0,
        maximum: 60_000,
      }),
      query('lastEventId', 'Instead of the header `Last-Event-ID`.', TEXT),
    ],
    responses: {
      200: {
        description: 'Events until the client or the server ends them.',
        content: {
          'text/event-stream': { schema: TEXT },
          'application/x-ndjson': { schema: TEXT },
        },
      },
      ...problems(400, 429, 503),
    },
  },
  'GET /api/statistics': {
    operationId: 'processingStatistics',
    access: 'operator',
    summary: 'Totals since the start',
    tags: ['queries'],
    responses: {
      200: tableAnswer('Totals and the state of each partition.', 'ProcessingStatistics'),
    },
  },
  'GET /api/cluster': {
    operationId: 'clusterOverview',
    access: 'operator',
    summary: 'Members and shards of the cluster',
    description:
      'Any member answers for all: it asks them, and waits for up to a second. A server that is ' +
      'alone answers with `name` null and empty lists.',
    tags: ['queries'],
    responses: { 200: answer('The cluster, as its members answer now.', 'ClusterOverview') },
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
    summary: 'Whether the process is alive',
    tags: ['operation'],
    responses: { 200: answer('It is alive.', 'Health') },
  },
  'GET /readyz': {
    operationId: 'readiness',
    access: 'health',
    summary: 'Whether the server is ready',
    tags: ['operation'],
    responses: { 200: answer('It is ready.', 'Health'), ...problems(503) },
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
    summary: 'A page that lists these calls',
    tags: ['operation'],
    responses: { 200: textAnswer('A page for people.', 'text/html') },
  },
  'GET /': {
    operationId: 'dashboard',
    access: 'public',
    summary: 'The dashboard',
    tags: ['operation'],
    responses: {
      200: textAnswer('A page for people, with its own scripts and styles.', 'text/html'),
      503: problemAnswer('The server was built without the dashboard.'),
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

/** The names of a call's query parameters. */
export function queryNames({ parameters = [] }: Operation): readonly string[] {
  return parameters.filter((it) => it.in === 'query').map(({ name }) => name);
}
