import type { Config } from '../../config/schema.ts';
import { PublishScope } from '../../gateway/ingest/publish-scope.ts';
import type { Client } from '../../gateway/sessions/client.ts';
import type { HttpResponse } from '../../gateway/transport/transport.ts';
import { ErrorCode, TickBatch } from '../../protocol/index.ts';
import type { CommandContext, Handler } from '../context.ts';
import { jsonResponse, readJsonBody } from '../json.ts';
import { RETRY_AFTER, RequestProblem, shownValue } from '../problems.ts';
import type { FieldFault, RequestFault } from '../schemas.ts';
import {
  droppedFault,
  forbiddenFault,
  type PostedPrice,
  readPostedPrice,
  symbolLimitFault,
} from './posted-price.ts';

/** Prices per request: HTTP names each rejected one, and bulk goes over WebSocket. */
const PRICES_PER_REQUEST_MAX = 10_000;
/** Non-objects in a body that are reported; the rest is only counted. */
const NON_OBJECTS_NAMED_MAX = 100;

/** A rejected price. */
interface RejectedPrice {
  readonly index: number;
  readonly errors: readonly FieldFault[];
}

/** `POST /api/prices`: takes one price or many, through the same intake as publishers' frames. */
export function postPrices(context: CommandContext): Handler {
  const poster = new PricePoster(context);
  const { jsonDepthMax } = context.config.limits;
  return (request, _symbol, client) => {
    const body = readJsonBody(request, jsonDepthMax);
    return Array.isArray(body) ? poster.postMany(body, client) : poster.postOne(body, client);
  };
}

class PricePoster {
  readonly #context: CommandContext;
  readonly #pricesMax: number;
  readonly #batch = new TickBatch();

  constructor(context: CommandContext) {
    this.#context = context;
    this.#pricesMax = pricesPerRequestMax(context.config);
  }

  postOne(body: unknown, client: Client): HttpResponse {
    if (typeof body !== 'object' || body === null) {
      const detail = `The body: expected an object or an array, got ${shownValue(body)}.`;
      throw new RequestProblem(400, detail);
    }
    const [rejected] = this.#post([body], client);
    if (rejected === undefined) return jsonResponse(202, { accepted: 1, rejected: [] });
    const { errors } = rejected;
    if (errors.some(({ code }) => code === 'backpressure')) throw refusal('The queue is full.');
    const status = errors.some(({ code }) => code === 'forbidden') ? 403 : 400;
    const fields = errors.map(({ field }) => field).join(', ');
    throw new RequestProblem(status, `The price was not accepted: ${fields}.`, { errors });
  }

  postMany(body: readonly unknown[], client: Client): HttpResponse {
    const { length } = body;
    if (length > this.#pricesMax) {
      const detail = `A request takes up to ${this.#pricesMax} prices; this one has ${length}.`;
      throw new RequestProblem(413, detail);
    }
    refuseNonObjects(body);
    const rejected = this.#post(body as readonly object[], client);
    return jsonResponse(202, { accepted: length - rejected.length, rejected });
  }

  /**
   * Takes the valid prices of a body.
   *
   * @throws RequestProblem 503 under `wait` if the queues lack space for all of them; none is taken
   *   then
   */
  #post(bodies: readonly object[], client: Client): RejectedPrice[] {
    const { clock, intake, quota, scheduler, security } = this.#context;
    clock.read();
    const { now } = clock;
    const prices = bodies.map((body) => readPostedPrice(body, now, intake));
    this.#requireSpace(prices.filter(({ faults }) => faults.length === 0).length);
    // Invalid ones go in too: the intake rejects and counts them.
    this.#fillBatch(prices);
    const scope = new PublishScope(client, quota, security);
    if (!intake.take(this.#batch, undefined, now, clock.monotonicUs, scope, 0, true)) {
      this.#context.counters.backpressureRequests++;
      throw refusal(`The journal has no space for ${bodies.length} prices now.`);
    }
    scheduler.schedule();
    return this.#rejected(prices);
  }

  #requireSpace(ticks: number): void {
    const { counters, credit } = this.#context;
    if (ticks === 0 || credit.hasSpare(ticks)) return;
    counters.backpressureRequests++;
    throw refusal(`The queues have no space for ${ticks} prices now. Fewer may fit.`);
  }

  #fillBatch(prices: readonly PostedPrice[]): void {
    const batch = this.#batch;
    batch.start(0, prices.length);
    for (const { symbol, price, time } of prices) batch.addValues(symbol, price, time);
  }

  /** The prices that the intake rejected or dropped, in the order of the body. */
  #rejected(prices: readonly PostedPrice[]): RejectedPrice[] {
    const { faults, droppedIndexes, symbolLimit = '' } = this.#context.intake;
    const rejected: RejectedPrice[] = [];
    // Pairs of index and error code.
    for (let i = 0; i < faults.length; i += 2) {
      const index = faults[i] as number;
      const { faults: known, symbol } = prices[index] as PostedPrice;
      // The intake applies the same rules; only these two faults can be new.
      const isForbidden = faults[i + 1] === ErrorCode.forbidden;
      const fault = isForbidden ? forbiddenFault(symbol) : symbolLimitFault(symbol, symbolLimit);
      rejected.push({ index, errors: known.length > 0 ? known : [fault] });
    }
    for (const index of droppedIndexes) {
      rejected.push({ index, errors: [droppedFault(prices[index]?.symbol)] });
    }
    return rejected.sort((a, b) => a.index - b.index);
  }
}

function pricesPerRequestMax({ processing, publish }: Config): number {
  const max = Math.min(PRICES_PER_REQUEST_MAX, publish.ticksPerFrameMax);
  // Under `wait` a request is taken whole or not at all: never more than fits a queue.
  return processing.overflow === 'wait' ? Math.min(max, processing.channelCapacity) : max;
}

function refusal(detail: string): RequestProblem {
  return new RequestProblem(503, detail, {}, RETRY_AFTER);
}

function refuseNonObjects(body: readonly unknown[]): void {
  const errors: RequestFault[] = [];
  body.forEach((element, index) => {
    const isObject = typeof element === 'object' && element !== null && !Array.isArray(element);
    if (isObject || errors.length === NON_OBJECTS_NAMED_MAX) return;
    errors.push({ name: `[${index}]`, expected: 'an object', got: shownValue(element) });
  });
  if (errors.length === 0) return;
  throw new RequestProblem(400, 'The body: expected an array of objects.', { errors });
}
