import { ReceivedHead } from '../../src/gateway/transport/received-request.ts';
import { listOperations } from '../../src/http/api-docs/openapi-operations.ts';
import { RequestProblem } from '../../src/http/problems.ts';
import { QueryParameters } from '../../src/http/query-parameters.ts';
import { RouteTable } from '../../src/http/route-table.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyText } from '../generate/values.ts';

const PATHS = [
  '/api/prices',
  '/api/prices/A/anomalies',
  '/api/anomalies',
  '/metrics',
  '/',
  '/api/prices/%41',
];
/** What a problem document may say of what came. */
const PROBLEM_CHARACTERS_MAX = 20_000;

/** Method, path and query of a request: "METHOD path?query". */
export function httpTargets(): Target {
  const table = new RouteTable();
  const answer = { status: 200, headers: {}, body: '' };
  for (const { method, path } of listOperations()) {
    table.add(method, path, {
      handler: () => answer,
      accessLevel: 'public',
      parameters: undefined,
    });
  }
  return {
    name: 'http-targets',
    covers: [
      'http/route-table',
      'http/query-parameters',
      'http/rfc-3339',
      'http/shown-value',
      'http/request-problem',
    ],
    inputBytesMax: 16_384,
    dictionary: [
      'GET ',
      'POST ',
      '/api/prices',
      '/anomalies',
      '%',
      '%2F',
      '?',
      '&',
      'limit=',
      'from=2024-01-01T00:00:00Z',
      'to=',
      'after=',
    ],
    seeds: () => [
      Buffer.from(
        'GET /api/prices/%C3%84/anomalies?limit=10&from=2024-01-01T00:00:00Z&to=9&after=1',
      ),
    ],
    generate: (random) => {
      const names = ['limit', 'from', 'to', 'after', 'cursor', anyText(random)];
      const values = ['1', '99999', '2024-02-30T00:00:00Z', '%zz', anyText(random)];
      const query = Array.from(
        { length: random.below(4) },
        () => `${random.pick(names)}=${random.pick(values)}`,
      );
      const path = random.chance(0.7)
        ? random.pick(PATHS)
        : `/api/prices/${encodeURI(Buffer.from(anyText(random)).toString())}`;
      return Buffer.from(
        `${random.pick(['GET', 'POST', 'HEAD', 'PUT'])} ${path}?${query.join('&')}`,
      );
    },
    execute: (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const [, method = '', path = '', queryText = ''] =
        /^([^ ]*) ?([^?]*)\??([\s\S]*)$/.exec(text) ?? [];
      try {
        const { symbol } = table.find(method, path);
        if (symbol.length > path.length) throw new Violation('a symbol longer than its path');
        checkQuery(queryText);
      } catch (error) {
        if (!(error instanceof RequestProblem)) throw error;
        if (error.response.body.length > PROBLEM_CHARACTERS_MAX)
          throw new Violation('a problem without end');
      }
    },
  };
}

function checkQuery(queryText: string): void {
  const head = { method: 'GET', path: '/', headers: new Map(), remoteAddress: '' };
  const parameters = new QueryParameters(new ReceivedHead({ ...head, queryText }).query);
  const limit = parameters.limit();
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new Violation(`a limit of ${limit}`);
  const after = parameters.sequence('after') ?? 0;
  if (!Number.isSafeInteger(after) || after < 0) throw new Violation(`a sequence of ${after}`);
  for (const name of ['from', 'to']) {
    const time = parameters.time(name) ?? 0;
    if (!Number.isFinite(time) || time < 0) throw new Violation(`a time of ${time}`);
  }
  parameters.text('cursor');
  parameters.check();
}
