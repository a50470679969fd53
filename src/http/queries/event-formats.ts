import type { Anomaly } from '../../engine/index.ts';
import type { EventFormat } from '../../gateway/fanout/event-format.ts';
import { type Frame, Op } from '../../protocol/index.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import { anomalyJson } from './anomalies.ts';

/** Statistics of an event, in the order of the bits of a mask of fields. */
export const EVENT_FIELDS = [
  'currentPrice',
  'movingAverage',
  'updateCount',
  'lastUpdateTime',
  'minPrice',
  'maxPrice',
] as const;
const TIME_FIELD = EVENT_FIELDS.indexOf('lastUpdateTime');

/** Events with JSON in them. The names and values are those of the HTTP API. */
abstract class JsonEvents implements EventFormat {
  readonly #lineage: string;

  /** @param lineage what ordinals count in; see `Store.lineage` */
  constructor(lineage: string) {
    this.#lineage = lineage;
  }

  statistics(symbol: string, values: Float64Array, offset: number, fields: number): string {
    const row: Record<string, unknown> = { symbol };
    for (let field = 0; field < EVENT_FIELDS.length; field++) {
      if ((fields & (1 << field)) === 0) continue;
      const value = values[offset + field] as number;
      row[EVENT_FIELDS[field] as string] = field === TIME_FIELD ? formatRfc3339(value) : value;
    }
    return this.event('statistics', row);
  }

  anomaly(symbol: string, anomaly: Anomaly, ordinal: number): string {
    const id = ordinal < 0 ? undefined : `${this.#lineage}-${ordinal}`;
    return this.event('anomaly', anomalyJson(anomaly, symbol), id);
  }

  frame(frame: Frame): string {
    switch (frame[0]) {
      case Op.WELCOME: {
        const { epoch, heartbeatMs, serverTime } = frame[1] as Record<string, unknown>;
        return this.event('welcome', { epoch, serverTime, heartbeatMs });
      }
      case Op.HEARTBEAT:
        return this.heartbeat(frame[1] as number);
      case Op.GOAWAY:
        return this.goaway(frame[1] as string, frame[3] as number);
      case Op.SUBSCRIBED:
        return (frame[2] as number[]).some((code) => code !== 0)
          ? this.event('problem', { detail: 'Some patterns could not be subscribed.' })
          : '';
      case Op.RETIRED:
        return (frame[1] as string[]).map((symbol) => this.event('retired', { symbol })).join('');
      case Op.ERROR:
        return this.event('problem', { code: frame[2], detail: frame[3] });
      default:
        return '';
    }
  }

  gap(): string {
    const detail = 'Anomalies since your last one are missing: GET /api/anomalies may have them.';
    return this.event('gap', { detail });
  }

  protected abstract event(type: string, data: object, id?: string): string;
  protected abstract heartbeat(serverTime: number): string;

  protected goaway(reason: string, _jitterMs: number): string {
    return this.event('goaway', { reason });
  }
}

/** Server-sent events, as browsers read them with EventSource. */
export class ServerSentEvents extends JsonEvents {
  protected event(type: string, data: object, id?: string): string {
    const head = id === undefined ? '' : `id: ${id}\n`;
    return `${head}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** A comment: it keeps proxies from closing the connection. */
  protected heartbeat(): string {
    return ': heartbeat\n\n';
  }

  /** Clients come back after a random time of their own. */
  protected override goaway(reason: string, jitterMs: number): string {
    const retryMs = Math.round(Math.random() * jitterMs);
    return `retry: ${retryMs}\n${this.event('goaway', { reason })}`;
  }
}

/** One JSON object a line, whose member `type` says what it is. */
export class JsonLines extends JsonEvents {
  protected event(type: string, data: object, id?: string): string {
    return `${JSON.stringify({ type, ...(id === undefined ? {} : { id }), ...data })}\n`;
  }

  protected heartbeat(serverTime: number): string {
    return this.event('heartbeat', { serverTime });
  }
}
