import type { Anomaly } from '../../engine/index.ts';
import type { EventFormat } from '../../gateway/fanout/event-format.ts';
import type { RecordKindName } from '../../gateway/subscriptions/subscription-columns.ts';
import { type Alert, type Frame, namedAlert, Op } from '../../protocol/index.ts';
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
  readonly #hasAlerts: boolean;
  /** Ordinals of the next anomaly and the next alert. */
  readonly #next = { anomalies: 0, alerts: 0 };

  /**
   * @param lineage what ordinals count in; see `Store.lineage`
   * @param hasAlerts whether ids say where alerts go on, too
   */
  constructor(lineage: string, hasAlerts: boolean) {
    this.#lineage = lineage;
    this.#hasAlerts = hasAlerts;
  }

  begin(anomalies: number, alerts: number): void {
    Object.assign(this.#next, { anomalies, alerts });
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
    return this.event('anomaly', anomalyJson(anomaly, symbol), this.#id('anomalies', ordinal));
  }

  alert(symbol: string, alert: Alert, ordinal: number): string {
    return this.event(
      'alert',
      namedAlert(alert, symbol, formatRfc3339),
      this.#id('alerts', ordinal),
    );
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

  gap(kind: RecordKindName, next: number): string {
    this.#next[kind] = next;
    const [event, name] = kind === 'alerts' ? ['alertGap', 'Alerts'] : ['gap', 'Anomalies'];
    const detail = `${name} since your last one are missing: GET /api/${kind} may have them.`;
    return this.event(event, { detail });
  }

  /** The id of an event, which says where the client goes on after it; undefined: not known. */
  #id(kind: RecordKindName, ordinal: number): string | undefined {
    if (ordinal < 0) return undefined;
    this.#next[kind] = ordinal + 1;
    const { anomalies, alerts } = this.#next;
    return this.#hasAlerts
      ? `${this.#lineage}.${anomalies}.${alerts}`
      : `${this.#lineage}-${ordinal}`;
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
