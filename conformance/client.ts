import { delay } from '../testkit/until.ts';
import { type ClientEvent, ClientProcess, CommandFailed } from './client-process.ts';
import { Broken, expect, shown } from './expect.ts';

/** The two kinds of client. One may be both. */
export type Role = 'subscriber' | 'publisher';

/** Options of a connection as the kit gives them to a client; each may be absent. */
export interface ConnectOptions {
  readonly token?: string;
  readonly encoding?: 'binary' | 'json';
  /** The publisher's name. */
  readonly publisher?: string;
}

/** Options of a subscription, those of the frame. */
export interface SubscribeOptions {
  readonly stats?: boolean;
  readonly anomalies?: boolean;
  readonly fields?: number;
  readonly since?: Readonly<Record<string, number>>;
  readonly alerts?: boolean;
  readonly alertsSince?: Readonly<Record<string, number>>;
}

/** A symbol as a client holds it; null where it has no value. */
export interface Row {
  readonly symbol: string;
  readonly price: number | null;
  readonly average: number | null;
  readonly count: number | null;
  readonly time: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Whether the values are the server's newest, as far as the client knows. */
  readonly live: boolean;
}

/** An anomaly as a client tells of it. */
export interface ClientAnomaly {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: number;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
}

/** An alert as a client tells of it, in the words of `GET /api/alerts`. */
export interface ClientAlert {
  readonly symbol: string;
  readonly sequence: number;
  readonly rule: string;
  readonly episode: number;
  readonly phase: string;
  readonly level: string;
  readonly direction: string;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
  readonly startTime: number;
  readonly peak: number;
  readonly count: number;
  /** null but at ends. */
  readonly reason: string | null;
}

/** A tick for a client to publish. Prices may be what is not a price. */
export type ClientTick = readonly [symbol: unknown, price: unknown, time: unknown];

const POLL_MS = 5;

/** The client under test: its commands by name, and what to wait for. */
export class Client {
  readonly process: ClientProcess;
  readonly #patienceMs: number;

  constructor(command: string, patienceMs: number) {
    this.process = new ClientProcess(command, patienceMs);
    this.#patienceMs = patienceMs;
  }

  async connect(role: Role, url: string, options: ConnectOptions = {}): Promise<void> {
    await this.process.call('connect', { role, url, options });
  }

  /** Resolves when the server has answered, with the patterns that it refused. */
  async subscribe(
    patterns: readonly string[],
    options: SubscribeOptions = {},
  ): Promise<readonly { readonly pattern: string; readonly code: number }[]> {
    const result = await this.process.call('subscribe', { patterns, options });
    return (Object(result) as { refused?: { pattern: string; code: number }[] }).refused ?? [];
  }

  async unsubscribe(patterns: readonly string[]): Promise<void> {
    await this.process.call('unsubscribe', { patterns });
  }

  /** One of `connecting`, `live`, `reconnecting`, `closed`. */
  async state(): Promise<string> {
    return String(await this.process.call('state'));
  }

  /** null: the client holds nothing of the symbol. */
  async get(symbol: string): Promise<Row | null> {
    const row = (await this.process.call('get', { symbol })) as Partial<Row> | null;
    return row === null ? null : normal(row);
  }

  async symbols(): Promise<readonly Row[]> {
    const rows = await this.process.call('symbols');
    expect(Array.isArray(rows), 'a list of rows', () => shown(rows));
    return rows.map((row) => normal(row as Partial<Row>));
  }

  /** Whether the client finds itself in sync. */
  async verify(): Promise<boolean> {
    const result = Object(await this.process.call('verify')) as { equal?: unknown };
    return result.equal === true;
  }

  async history(
    symbol: string,
    after: number,
    limit: number,
  ): Promise<{ readonly anomalies: readonly ClientAnomaly[]; readonly more: boolean }> {
    const page = await this.process.call('history', { symbol, after, limit });
    return page as { anomalies: ClientAnomaly[]; more: boolean };
  }

  /** Resolves when the client has taken the ticks. */
  async publish(...ticks: readonly ClientTick[]): Promise<void> {
    await this.process.call('publish', { ticks });
  }

  /** Resolves when everything published is acknowledged. */
  async flush(): Promise<void> {
    await this.process.call('flush');
  }

  async totals(): Promise<Readonly<Record<string, number>>> {
    return (await this.process.call('totals')) as Record<string, number>;
  }

  /** Replaces its token. */
  async authenticate(token: string): Promise<void> {
    await this.process.call('authenticate', { token });
  }

  async close(): Promise<void> {
    await this.process.call('close');
  }

  /** Resolves when the client is in this state. */
  async reaches(state: string): Promise<void> {
    await this.#poll(
      () => this.state(),
      (got) => got === state,
      () => `the state "${state}"`,
    );
  }

  /**
   * Resolves when the client holds a symbol as expected and live; null: when it holds nothing of
   * it, or nothing live.
   */
  async holds(symbol: string, expected: Partial<Row> | null): Promise<void> {
    const isThere = (row: Row | null) =>
      expected === null
        ? row?.live !== true
        : row?.live === true && differences(row, expected).length === 0;
    const show = () => (expected === null ? `nothing live of ${symbol}` : shown(expected));
    await this.#poll(() => this.get(symbol), isThere, show);
  }

  /** The anomalies that it told of so far. */
  get anomalies(): readonly ClientAnomaly[] {
    return this.process.eventsOf('anomaly').map(anomalyOf);
  }

  /** Resolves when it told of an anomaly. */
  async toldOf(symbol: string, sequence: number): Promise<void> {
    const isIt = (event: ClientEvent) => event.symbol === symbol && event.sequence === sequence;
    await this.process.event('anomaly', isIt, `anomaly ${sequence} of ${symbol}`);
  }

  /** The alerts that it told of so far. */
  get alerts(): readonly ClientAlert[] {
    return this.process.eventsOf('alert').map(alertOf);
  }

  /** Resolves when it told of an alert. */
  async alerted(symbol: string, sequence: number): Promise<void> {
    const isIt = (event: ClientEvent) => event.symbol === symbol && event.sequence === sequence;
    await this.process.event('alert', isIt, `alert ${sequence} of ${symbol}`);
  }

  /** The error that a command fails with. @throws Broken if it succeeds */
  async failure(command: Promise<unknown>, what: string): Promise<CommandFailed> {
    try {
      const result = await command;
      throw new Broken(what, `success: ${shown(result ?? null)}`);
    } catch (error) {
      if (error instanceof CommandFailed) return error;
      throw error;
    }
  }

  async #poll<Value>(
    read: () => Promise<Value>,
    isDone: (value: Value) => boolean,
    what: () => string,
  ): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      const value = await read();
      if (isDone(value)) return;
      if (performance.now() > deadline) throw new Broken(what(), shown(value));
      await delay(POLL_MS);
    }
  }
}

/** What an event or an entry of a history tells, without what is added to it. */
export function anomalyOf(told: Readonly<Record<string, unknown>>): ClientAnomaly {
  const { symbol, sequence, direction, reference, price, changePercent, time } = told as never;
  return { symbol, sequence, direction, reference, price, changePercent, time };
}

const ALERT_FIELDS = [
  'symbol',
  'sequence',
  'rule',
  'episode',
  'phase',
  'level',
  'direction',
  'reference',
  'price',
  'changePercent',
  'time',
  'startTime',
  'peak',
  'count',
  'reason',
] as const;

function alertOf(told: Readonly<Record<string, unknown>>): ClientAlert {
  return Object.fromEntries(ALERT_FIELDS.map((name) => [name, told[name] ?? null])) as never;
}

const FIELDS = ['symbol', 'price', 'average', 'count', 'time', 'min', 'max'] as const;

function normal(row: Partial<Row>): Row {
  // A count is 1 at least: some languages have no number that is none.
  const held = row.count === 0 ? { ...row, count: null } : row;
  const values = FIELDS.map((field) => [field, held[field] ?? null]);
  return { ...(Object.fromEntries(values) as Omit<Row, 'live'>), live: row.live === true };
}

/** The fields in which a row is not as expected. */
export function differences(row: Row, expected: Partial<Row>): string[] {
  return FIELDS.filter((field) => field in expected && !Object.is(row[field], expected[field]));
}
