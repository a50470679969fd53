import type { EventRequest } from '../../gateway/sessions/event-session.ts';
import type { SessionFactory } from '../../gateway/sessions/session-factory.ts';
import type { HttpRequest } from '../../gateway/transport/transport.ts';
import { ALL_FIELDS } from '../../protocol/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { prefersEvents } from '../negotiation.ts';
import { RETRY_AFTER, RequestProblem } from '../problems.ts';
import { QueryParameters } from '../query-parameters.ts';
import { EVENT_FIELDS, JsonLines, ServerSentEvents } from './event-formats.ts';
import { checkReadable, readSelection } from './symbol-selection.ts';

const CONFLATE_MS_MAX = 60_000;
/** Of streams without alerts: the last anomaly's ordinal; with them: the next ones of both. */
const LAST_EVENT_ID = /^([0-9A-Za-z_-]{1,32})(?:-(\d{1,16})|\.(\d{1,16})\.(\d{1,16}))$/;

const HEADERS = {
  // Neither caches nor compressing proxies may hold events back.
  'cache-control': 'no-store, no-transform',
  // nginx buffers answers unless told otherwise.
  'x-accel-buffering': 'no',
  vary: 'Accept',
};

/** `GET /api/stream`: statistics, anomalies and alerts as they come, without WebSocket. */
export function eventStream(context: QueryContext, sessions: SessionFactory): Handler {
  return (request, _symbol, client) => {
    const { lineage, wanted } = readStream(context, request);
    checkReadable(wanted.selection, client, context.access);
    const refusal = sessions.refusal(client.address);
    if (refusal !== undefined) {
      throw new RequestProblem(refusal.status, refusal.detail, {}, RETRY_AFTER);
    }
    const isSse = prefersEvents(request.header('accept'));
    const Format = isSse ? ServerSentEvents : JsonLines;
    const stream: EventRequest = { format: new Format(lineage, wanted.options.alerts), ...wanted };
    return {
      status: 200,
      headers: {
        ...HEADERS,
        'content-type': isSse ? 'text/event-stream' : 'application/x-ndjson',
      },
      body: '',
      stream: (socket) => {
        context.fanOut.takeRaised();
        return sessions.events(socket, client.identity, stream);
      },
    };
  };
}

function readStream({ epoch, store }: QueryContext, request: HttpRequest) {
  const parameters = new QueryParameters(request.query);
  const selection = readSelection(parameters);
  if (selection === undefined) {
    parameters.refuse('symbols', 'symbols or patterns separated by commas; * for all', '');
  }
  const stats = parameters.flag('statistics') ?? true;
  const anomalies = parameters.flag('anomalies') ?? true;
  const alerts = parameters.flag('alerts') ?? false;
  const fields = readFields(parameters);
  const conflateMs = parameters.integer('conflateMs', 0, CONFLATE_MS_MAX);
  const lastEventId = request.header('last-event-id') ?? parameters.text('lastEventId');
  const [, lineage, last, next, nextAlert] = LAST_EVENT_ID.exec(lastEventId ?? '') ?? [];
  if (lastEventId !== undefined && lastEventId !== '' && lineage === undefined) {
    parameters.refuse('lastEventId', 'the id of an event', lastEventId);
  }
  parameters.check();
  const own = store?.lineage ?? epoch;
  const ordinal = (text: string | undefined, step = 0) => {
    if (text === undefined) return undefined;
    // That of another server or run: what came since cannot be known.
    return lineage === own ? Number(text) + step : Number.NEGATIVE_INFINITY;
  };
  return {
    lineage: own,
    wanted: {
      selection,
      matches: selection?.matches ?? (() => true),
      patterns: [...(selection?.names ?? []), ...(selection?.patterns ?? [])],
      options: {
        stats,
        anomalies,
        alerts,
        fields,
        ...(conflateMs === undefined ? {} : { conflateMs }),
      },
      from: { anomalies: ordinal(last, 1) ?? ordinal(next), alerts: ordinal(nextAlert) },
    },
  };
}

/** A mask of fields from their names. */
function readFields(parameters: QueryParameters): number {
  const text = parameters.text('fields');
  if (text === undefined || text === '') return ALL_FIELDS;
  let mask = 0;
  for (const name of text.split(',')) {
    const bit = (EVENT_FIELDS as readonly string[]).indexOf(name);
    if (bit < 0) parameters.refuse('fields', `names of ${EVENT_FIELDS.join(', ')}`, name);
    else mask |= 1 << bit;
  }
  return mask;
}
