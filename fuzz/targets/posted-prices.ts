import { ReceivedRequest } from '../../src/gateway/transport/received-request.ts';
import { readPostedPrice } from '../../src/http/commands/posted-price.ts';
import { readJsonBody } from '../../src/http/json.ts';
import { RequestProblem } from '../../src/http/problems.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyNumber, anyText, anyValue, jsonOf } from '../generate/values.ts';

const NOW = 1_700_000_000_000;
const HEADERS = new Map([['content-type', 'application/json']]);
/** What a message says of one value. */
const SHOWN_CHARACTERS_MAX = 600;

/** The body of POST /api/prices, up to the ticks that would be taken in. */
export function postedPrices(): Target {
  return {
    name: 'posted-prices',
    covers: [
      'http/json-body',
      'commands/posted-price',
      'http/rfc-3339',
      'http/shown-value',
      'protocol/symbol',
    ],
    dictionary: [
      '"symbol":',
      '"price":',
      '"timestamp":',
      '{',
      '}',
      '[',
      '2024-02-29T23:59:60Z',
      '1e999',
    ],
    seeds: () => [
      Buffer.from('[{"symbol":"A","price":1,"timestamp":"2024-02-29T12:00:00.5+01:00"}]'),
    ],
    generate: (random) => {
      const price = () => ({
        symbol: random.chance(0.8) ? anyText(random) : anyValue(random, 2),
        price: random.chance(0.8) ? anyNumber(random) : anyValue(random, 2),
        timestamp: random.pick([NOW, '2024-01-01T00:00:00Z', undefined, anyValue(random, 2)]),
      });
      const body = random.chance(0.3) ? price() : Array.from({ length: random.below(5) }, price);
      return Buffer.from(jsonOf(body));
    },
    execute: (bytes) => {
      const body = readBody(bytes);
      for (const posted of Array.isArray(body) ? (body as unknown[]) : [body]) {
        if (typeof posted === 'object' && posted !== null) checkPrice(posted);
      }
    },
  };
}

const LIMITS = { maxFutureMs: 1000, maxPastMs: 0 };
/** The server's default. */
const JSON_DEPTH_MAX = 32;

function readBody(body: Uint8Array): unknown {
  const head = { method: 'POST', path: '/api/prices', queryText: '', remoteAddress: '127.0.0.1' };
  try {
    const request = new ReceivedRequest({ ...head, headers: HEADERS }, body, () => true);
    return readJsonBody(request, JSON_DEPTH_MAX);
  } catch (error) {
    if (error instanceof RequestProblem) return undefined;
    throw error;
  }
}

function checkPrice(posted: object): void {
  const { symbol, price, time, faults } = readPostedPrice(posted, NOW, LIMITS);
  const isGood = symbol !== undefined && price > 0 && time >= 0 && time <= NOW + 1000;
  if (isGood !== (faults.length === 0))
    throw new Violation(`${faults.length} faults, good: ${isGood}`);
  for (const { got } of faults) {
    if (got.length > SHOWN_CHARACTERS_MAX) throw new Violation(`shows ${got.length} characters`);
  }
}
