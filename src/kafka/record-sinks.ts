import type { GatewayContext, KafkaSinkReadings, RecordLog } from '../gateway/index.ts';
import type { RaisedRecord } from '../protocol/index.ts';
import type { KafkaMessage, KafkaProducer } from './client.ts';
import {
  readPositions,
  type SavedPosition,
  type SavedPositions,
  writePositions,
} from './positions.ts';
import { alertMessage, anomalyMessage } from './record-messages.ts';
import { type KafkaLog, noFigures, RecordSink, type RecordSource } from './record-sink.ts';

type SinkContext = Pick<GatewayContext, 'alerts' | 'anomalies' | 'store'>;
type LoggedRecords<R extends RaisedRecord> = Pick<
  RecordLog<R>,
  'arrivedFrom' | 'arrivedInMemory' | 'memoryStart' | 'nextOrdinal'
>;

export interface RecordSinksOptions {
  /** Empty: none. */
  readonly anomaliesTopic: string;
  readonly alertsTopic: string;
  /** Of the store, where positions are kept; undefined: there is none. */
  readonly directory: string | undefined;
  readonly producer: KafkaProducer;
  readonly log: KafkaLog;
}

/** Shortest time between two writings of positions, ms. */
const SAVE_MS = 1000;

/** A kind of records on its way to a topic. */
interface KindSink {
  readonly kind: string;
  readonly sink: Pick<
    RecordSink<RaisedRecord>,
    'figures' | 'position' | 'stop' | 'topic' | 'waiting'
  >;
  /** Ordinal before which the store has all records. */
  readonly durable: () => number;
}

/** Takes anomalies and alerts to Kafka, each once it is in the gateway's log. */
export class RecordSinks {
  readonly #options: RecordSinksOptions;
  readonly #saved: SavedPositions;
  readonly #fault: () => string | undefined;
  readonly #sinks: KindSink[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecordSinksOptions, { alerts, anomalies, store }: SinkContext) {
    this.#options = options;
    this.#saved = options.directory === undefined ? {} : readPositions(options.directory);
    this.#fault = () => store?.fault;
    const { alertsTopic, anomaliesTopic } = options;
    const undurable = {
      anomalies: () => store?.waitingCount ?? 0,
      alerts: () => store?.alerts.waitingCount ?? 0,
    };
    this.#add('anomalies', anomaliesTopic, anomalies, anomalyMessage, undurable.anomalies);
    this.#add('alerts', alertsTopic, alerts, alertMessage, undurable.alerts);
  }

  /** What each has counted, by its topic. */
  get readings(): ReadonlyMap<string, KafkaSinkReadings> {
    return new Map(this.#sinks.map(({ sink }) => [sink.topic, sink]));
  }

  /** Sends what waits, for at most `drainMs`; returns how many records are left. */
  async stop(drainMs: number): Promise<number> {
    const left = await Promise.all(this.#sinks.map(({ sink }) => sink.stop(drainMs)));
    clearTimeout(this.#timer);
    this.#save();
    return left.reduce((sum, each) => sum + each, 0);
  }

  /** @param undurable how many the store has yet to write */
  #add<R extends RaisedRecord>(
    kind: string,
    topic: string,
    records: LoggedRecords<R>,
    message: (record: R) => KafkaMessage,
    undurable: () => number,
  ): void {
    if (topic === '') return;
    const { log, producer } = this.#options;
    const saved = this.#saved[kind];
    const next = records.nextOrdinal;
    // A store that was put back to an earlier state is behind.
    const position = saved?.topic === topic ? Math.min(saved.position, next) : next;
    const moved = () => {
      this.#timer ??= setTimeout(this.#onTimer, SAVE_MS);
    };
    const figures = noFigures();
    const source = sourceOf(records, this.#fault);
    const sent = { topic, source, position, message };
    const sink = new RecordSink({ ...sent, producer, log, figures, moved });
    this.#sinks.push({ kind, sink, durable: () => records.nextOrdinal - undurable() });
    // A new sink begins here, even if nothing is sent before the next start.
    if (saved?.topic !== topic) moved();
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#save();
  };

  /** No further than the store has got: what it loses is raised again. */
  #save(): void {
    const { directory, log } = this.#options;
    if (directory === undefined) return;
    const positions: Record<string, SavedPosition> = { ...this.#saved };
    for (const { kind, sink, durable } of this.#sinks) {
      positions[kind] = { topic: sink.topic, position: Math.min(sink.position, durable()) };
    }
    try {
      writePositions(directory, positions);
    } catch (error) {
      log.warn({ err: error }, 'positions of Kafka cannot be saved: a restart repeats records');
    }
  }
}

/** @param fault of the store, which answers from memory alone then */
function sourceOf<R extends RaisedRecord>(
  log: LoggedRecords<R>,
  fault: () => string | undefined,
): RecordSource<R> {
  const read = async (ordinal: number, limit: number) => {
    const held = log.arrivedInMemory(ordinal, limit);
    if (held !== undefined) return held;
    const stored = await log.arrivedFrom(ordinal, limit);
    const reason = fault();
    if (reason !== undefined) throw new Error(`the store fails: ${reason}`);
    // Without a store, older ones are gone.
    return stored ?? log.arrivedInMemory(log.memoryStart, limit) ?? [];
  };
  return {
    waiting: (position) => Math.max(0, log.nextOrdinal - position),
    async from(position, limit) {
      const next = log.nextOrdinal;
      const arrived = await read(position, limit);
      const last = arrived.at(-1)?.ordinal ?? next - 1;
      return {
        records: arrived.map(({ record }) => record),
        end: last + 1,
        lost: last + 1 - position - arrived.length,
      };
    },
  };
}
