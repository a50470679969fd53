/** OTLP requests, decoded from their protobuf bytes by the published field numbers. */

export type OtlpAttributes = Readonly<Record<string, string | number | boolean>>;

export interface OtlpEvent {
  readonly name: string;
  /** Ms since the epoch, like all times here. */
  readonly at: number;
  readonly attributes: OtlpAttributes;
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it is a root. */
  readonly parentId: string;
  readonly name: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: OtlpAttributes;
  readonly events: readonly OtlpEvent[];
  readonly hasFailed: boolean;
}

export interface OtlpPoint {
  readonly attributes: OtlpAttributes;
  readonly startedAt: number;
  readonly at: number;
  /** Of a gauge or sum. */
  readonly value: number;
  /** Of a histogram. */
  readonly count: number;
  readonly sum: number;
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
}

export interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  readonly isMonotonic: boolean;
  /** 2: cumulative. */
  readonly temporality: number;
  readonly points: readonly OtlpPoint[];
}

/** What one request says of one process. */
export interface OtlpBatch<Item> {
  readonly resource: OtlpAttributes;
  readonly items: readonly Item[];
}

export function decodeTraces(body: Uint8Array): OtlpBatch<OtlpSpan>[] {
  return decodeBatches(body, readSpan);
}

export function decodeMetrics(body: Uint8Array): OtlpBatch<OtlpMetric>[] {
  return decodeBatches(body, readMetric);
}

/** Both signals nest alike: resources, scopes, items. */
function decodeBatches<Item>(body: Uint8Array, read: (item: Message) => Item): OtlpBatch<Item>[] {
  return new Message(body).messages(1).map((batch) => ({
    resource: attributesOf(batch.messages(1)[0] ?? new Message(new Uint8Array(0)), 1),
    items: batch.messages(2).flatMap((scope) => scope.messages(2).map(read)),
  }));
}

function readSpan(span: Message): OtlpSpan {
  return {
    traceId: span.hex(1),
    spanId: span.hex(2),
    parentId: span.hex(4),
    name: span.text(5),
    kind: span.integer(6),
    startedAt: span.time(7),
    endedAt: span.time(8),
    attributes: attributesOf(span, 9),
    events: span.messages(11).map((event) => ({
      at: event.time(1),
      name: event.text(2),
      attributes: attributesOf(event, 3),
    })),
    hasFailed: span.messages(15)[0]?.integer(3) === 2,
  };
}

const METRIC_KINDS = [
  [5, 'gauge'],
  [7, 'sum'],
  [9, 'histogram'],
] as const;

function readMetric(metric: Message): OtlpMetric {
  const name = metric.text(1);
  for (const [field, kind] of METRIC_KINDS) {
    const [data] = metric.messages(field);
    if (data === undefined) continue;
    const points = data.messages(1).map(kind === 'histogram' ? readHistogramPoint : readPoint);
    const unit = metric.text(3);
    return {
      name,
      unit,
      kind,
      isMonotonic: data.integer(3) === 1,
      temporality: data.integer(2),
      points,
    };
  }
  throw new TypeError(`the metric ${name} is of another kind`);
}

const NOTHING_COUNTED = { count: 0, sum: 0, counts: [], bounds: [] };

function readPoint(point: Message): OtlpPoint {
  const attributes = attributesOf(point, 7);
  const times = { startedAt: point.time(2), at: point.time(3) };
  return { attributes, ...times, value: point.double(4), ...NOTHING_COUNTED };
}

function readHistogramPoint(point: Message): OtlpPoint {
  return {
    attributes: attributesOf(point, 9),
    startedAt: point.time(2),
    at: point.time(3),
    value: Number.NaN,
    count: point.fixed(4),
    sum: point.double(5),
    counts: point.packed(6, (view, at) => Number(view.getBigUint64(at, true))),
    bounds: point.packed(7, (view, at) => view.getFloat64(at, true)),
  };
}

function attributesOf(message: Message, field: number): OtlpAttributes {
  const attributes: Record<string, string | number | boolean> = {};
  for (const pair of message.messages(field)) {
    const value = pair.messages(2)[0] as Message;
    attributes[pair.text(1)] = value.has(1)
      ? value.text(1)
      : value.has(2)
        ? value.integer(2) === 1
        : value.has(3)
          ? value.integer(3)
          : value.double(4);
  }
  return attributes;
}

/** The fields of one protobuf message, by number. */
class Message {
  /** A varint as a number; fixed 64 bits and what has a length as bytes. */
  readonly #fields = new Map<number, (number | Uint8Array)[]>();
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    while (this.#at < bytes.length) {
      const tag = this.#varint();
      const values = this.#fields.get(tag >>> 3) ?? [];
      this.#fields.set(tag >>> 3, values);
      values.push(this.#value(tag & 7));
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  messages(field: number): Message[] {
    return (this.#fields.get(field) ?? []).map((bytes) => new Message(bytes as Uint8Array));
  }

  text(field: number): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#lastBytes(field));
  }

  hex(field: number): string {
    return Buffer.from(this.#lastBytes(field)).toString('hex');
  }

  integer(field: number): number {
    return (this.#fields.get(field)?.at(-1) as number | undefined) ?? 0;
  }

  double(field: number): number {
    return this.packed(field, (view, at) => view.getFloat64(at, true))[0] ?? 0;
  }

  fixed(field: number): number {
    return this.packed(field, (view, at) => Number(view.getBigUint64(at, true)))[0] ?? 0;
  }

  /** Nanoseconds as ms; a double would hold them to a quarter of a microsecond. */
  time(field: number): number {
    const [us = 0] = this.packed(field, (view, at) => Number(view.getBigUint64(at, true) / 1000n));
    return us / 1000;
  }

  /** Values of 64 bits, one after another. */
  packed(field: number, read: (view: DataView, at: number) => number): number[] {
    const bytes = this.#lastBytes(field);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / 8 }, (_, i) => read(view, 8 * i));
  }

  #lastBytes(field: number): Uint8Array {
    return (this.#fields.get(field)?.at(-1) as Uint8Array | undefined) ?? new Uint8Array(0);
  }

  #value(wireType: number): number | Uint8Array {
    if (wireType === 0) return this.#varint();
    if (wireType === 1) return this.#take(8);
    if (wireType === 2) return this.#take(this.#varint());
    if (wireType === 5) return this.#take(4);
    throw new TypeError(`wire type ${wireType}`);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#take(1)[0] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('the message ends too early');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
