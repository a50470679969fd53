import { describe, expect, it } from 'vitest';
import { RequestProblem } from '../../src/http/problems.ts';
import { RouteTable } from '../../src/http/route-table.ts';
import { text } from '../support/transport-rig.ts';

const table = new RouteTable();
const root = () => text(200, 'root');
const list = () => text(200, 'list');
const post = () => text(202, 'post');
const one = () => text(200, 'one');
const parts = () => text(200, 'parts');
table.add('GET', '/', { handler: root, accessLevel: 'public', parameters: undefined });
table.add('GET', '/things', { handler: list, accessLevel: 'public', parameters: undefined });
table.add('POST', '/things', { handler: post, accessLevel: 'public', parameters: undefined });
table.add('GET', '/things/{symbol}', {
  handler: one,
  accessLevel: 'public',
  parameters: undefined,
});
table.add('GET', '/things/{symbol}/parts', {
  handler: parts,
  accessLevel: 'public',
  parameters: undefined,
});

function problemOf(method: string, path: string) {
  try {
    table.find(method, path);
  } catch (error) {
    if (error instanceof RequestProblem) return error.response;
    throw error;
  }
  throw new Error(`${method} ${path} was found`);
}

describe('RouteTable', () => {
  it.each([
    ['GET', '/', root, ''],
    ['GET', '/things', list, ''],
    ['HEAD', '/things', list, ''],
    ['POST', '/things', post, ''],
    ['GET', '/things/A', one, 'A'],
    ['GET', '/things/A/parts', parts, 'A'],
    ['GET', '/things/BTC%2FUSD', one, 'BTC/USD'],
    ['GET', '/things/%E2%82%AC/parts', parts, '€'],
    ['GET', '/things/a+b', one, 'a+b'],
    ['GET', '/things/%25', one, '%'],
    ['GET', '/things/%20', one, ' '],
    // As they are, or decoded by a proxy.
    ['GET', '/things/BTC/USD', one, 'BTC/USD'],
    ['GET', '/things/a//b', one, 'a//b'],
    ['GET', '/things//ES', one, '/ES'],
    ['GET', '/things/%2FES', one, '/ES'],
    ['GET', '/things/A/', one, 'A/'],
    ['GET', '/things/BTC/USD/parts', parts, 'BTC/USD'],
    ['GET', '/things//ES/parts', parts, '/ES'],
    ['GET', '/things/parts', one, 'parts'],
    ['GET', '/things//parts', one, '/parts'],
    ['GET', '/things/A%2Fparts', one, 'A/parts'],
    ['GET', '/things/A/parts/parts', parts, 'A/parts'],
    ['GET', '/things/A/parts/', one, 'A/parts/'],
  ])('finds %s %s', (method, path, handler, symbol) => {
    expect(table.find(method, path)).toMatchObject({ handler, accessLevel: 'public', symbol });
  });

  it.each(['/thing', '/things/', '/thingsA', '/Things', '', '//', '*'])(
    'knows no path %j',
    (path) => {
      expect(problemOf('GET', path).status).toBe(404);
    },
  );

  it('names the methods of a path to those who used another', () => {
    const problem = problemOf('DELETE', '/things');
    expect([problem.status, problem.headers.allow]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
    expect(problemOf('POST', '/things/A').headers.allow).toBe('GET, HEAD, OPTIONS');
    // Methods are case-sensitive.
    expect(problemOf('get', '/things').status).toBe(405);
  });

  it.each(['%', '%4', '%zz', '%ff', '%C3', '%ED%A0%80'])('refuses the encoding %j', (segment) => {
    expect(problemOf('GET', `/things/${segment}`).status).toBe(400);
  });
});
