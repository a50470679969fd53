import { readFileSync } from 'node:fs';
import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { symbolHash } from '../../src/engine/symbol-table.ts';
import {
  ALL_FIELDS,
  ByteWriter,
  Digest,
  decodeFrame,
  deltaMask,
  ErrorCode,
  type ErrorName,
  encodeFrame,
  type Frame,
  FULL,
  Op,
  ProtocolError,
  patternMatcher,
  readPublishRequest,
  readStreamRequest,
  readTicksFrame,
  type SymbolValues,
  TickBatch,
  TicksReader,
  VALUES,
  validatePattern,
  validateSymbol,
  writeEntry,
} from '../../src/protocol/index.ts';
import { batchContent } from '../../testkit/batch-content.ts';
import { fnv1a, plain } from '../../testkit/independent/protocol.ts';
import { SdkMirror } from '../support/sdk-mirror.ts';

const VALUE_KEYS = ['price', 'average', 'count', 'time', 'min', 'max'] as const;
const RECEIPT = -1;
const TICKS_MAX = 65_536;

function load<Content>(file: string): Content {
  return JSON.parse(readFileSync(new URL(`./vectors/${file}`, import.meta.url), 'utf8'));
}

/** Vectors by name, as a vitest table. */
function named<Vector extends { name: string }>(vectors: readonly Vector[]): [string, Vector][] {
  const table = vectors.map((vector): [string, Vector] => [vector.name, vector]);
  expect(new Set(table.map(([name]) => name)).size).toBe(table.length);
  return table;
}

const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

interface ClientVector {
  readonly name: string;
  readonly endpoint: 'publish' | 'stream';
  readonly frame?: unknown[];
  readonly hex: readonly string[];
  readonly request?: Record<string, unknown>;
  readonly ticks?: { sequence: number; ticks: unknown[][] };
  readonly error?: ErrorName;
  readonly requestId?: number | null;
}

/** An endpoint's reading of a message in the vectors' terms; throws errors. */
function readAsServer(message: Uint8Array | string, endpoint: string): unknown {
  if (endpoint === 'stream') return plainRequest(readStreamRequest(decodeFrame(message)));
  const batch = new TickBatch();
  if (typeof message !== 'string') {
    const isTicks = new TicksReader(TICKS_MAX).read(message, batch, RECEIPT);
    if (isTicks) return plainTicks(batch);
  }
  const frame = decodeFrame(message);
  if (frame[0] !== Op.TICKS) return plainRequest(readPublishRequest(frame));
  readTicksFrame(frame, batch, RECEIPT, TICKS_MAX);
  return plainTicks(batch);
}

function plainRequest(request: object): unknown {
  if (!('options' in request)) return request;
  const options = { ...(request.options as Record<string, unknown>) };
  for (const key of ['since', 'alertsSince']) {
    if (options[key] !== undefined) options[key] = plain(options[key]);
  }
  return { ...request, options };
}

function plainTicks(batch: TickBatch): unknown {
  const { sequence, ticks } = batchContent(batch);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  return {
    sequence,
    ticks: ticks.map(({ name, price, time }) => {
      const text = () => utf8.decode(bytesOf(String(name)));
      const isText = typeof name === 'string';
      return [
        isText ? (thrown(text) instanceof TypeError ? '(not UTF-8)' : text()) : name,
        Number.isNaN(price) ? null : price,
        time === RECEIPT ? 'receipt' : Number.isNaN(time) ? null : time,
      ];
    }),
  };
}

const clientFrames = load<{ vectors: ClientVector[] }>('client-frames.json').vectors;

describe.each(named(clientFrames))('client frame: %s', (_name, vector) => {
  const json = vector.frame === undefined ? [] : [JSON.stringify(vector.frame)];

  it.each([...vector.hex.map(bytesOf), ...json])('is read from encoding %#', (message) => {
    const outcome = thrown(() => readAsServer(message, vector.endpoint));
    if (vector.error === undefined) {
      expect(outcome).toEqual(vector.request ?? vector.ticks);
      return;
    }
    expect(outcome).toBeInstanceOf(ProtocolError);
    expect(outcome).toMatchObject({
      code: ErrorCode[vector.error],
      requestId: vector.requestId,
    });
  });

  it('has an outcome, and a frame that another library finds in its first encoding', () => {
    const outcomes = [vector.request, vector.ticks, vector.error];
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    if (vector.frame === undefined) return;
    const bytes = bytesOf(vector.hex[0] as string);
    const hasBannedKey = JSON.stringify(vector.frame).includes('__proto__');
    if (hasBannedKey) expect(() => decode(bytes)).toThrow('__proto__ is not allowed');
    else expect(decode(bytes)).toEqual(vector.frame);
  });
});

const serverFrames = load<{ vectors: { name: string; frame: Frame; hex: string[] }[] }>(
  'server-frames.json',
).vectors;

describe.each(named(serverFrames))('server frame: %s', (_name, { frame, hex }) => {
  it('is read from every encoding, by two libraries', () => {
    for (const one of hex) {
      expect(plain(decodeFrame(bytesOf(one)))).toEqual(frame);
      expect(decode(bytesOf(one))).toEqual(frame);
    }
    expect(decodeFrame(JSON.stringify(frame))).toEqual(frame);
  });

  it('is written so that another library reads the same', () => {
    expect(decode(encodeFrame(frame, 'binary') as Uint8Array)).toEqual(frame);
    expect(JSON.parse(encodeFrame(frame, 'json') as string)).toEqual(frame);
  });
});

const hostile = load<{
  error: ErrorName;
  binary: { name: string; hex: string }[];
  text: { name: string; text: string }[];
}>('hostile-frames.json');

describe.each(['publish', 'stream'])('hostile frames on /v1/%s', (endpoint) => {
  const refused = { name: 'ProtocolError', code: ErrorCode[hostile.error], requestId: null };

  it.each(named(hostile.binary))('refuses the binary message: %s', (_name, { hex }) => {
    expect(thrown(() => readAsServer(bytesOf(hex), endpoint))).toMatchObject(refused);
  });

  it.each(named(hostile.text))('refuses the text message: %s', (_name, { text }) => {
    expect(thrown(() => readAsServer(text, endpoint))).toMatchObject(refused);
  });
});

type Mirror = Record<string, Record<keyof SymbolValues, number | null>>;

const entries = load<{
  writer: {
    name: string;
    symbolId: number;
    fields: number;
    from: SymbolValues | null;
    to: SymbolValues;
    entry: number[];
    hex: string;
  }[];
  reader: { name: string; steps: { entries: number[]; mirror: Mirror }[] }[];
  faults: { name: string; entries: number[] }[];
}>('entries.json');

describe('entries', () => {
  it.each(named(entries.writer))('are written: %s', (_name, vector) => {
    const row = (of: SymbolValues) => VALUE_KEYS.map((key) => of[key]);
    const rows = Float64Array.from([...row(vector.from ?? vector.to), ...row(vector.to)]);
    const { symbolId, fields } = vector;
    const mask = vector.from === null ? fields | FULL : deltaMask(rows, 0, VALUES, fields);
    const numbers: number[] = [];
    const collect = {
      number: (value: number) => void numbers.push(value),
      numberAt: (values: Float64Array, index: number) => void numbers.push(values[index] as number),
    };
    if (mask !== 0) writeEntry(collect, symbolId, mask, rows, 0, VALUES);
    expect(numbers).toEqual(vector.entry);

    const writer = new ByteWriter();
    writer.arrayHeader(numbers.length);
    if (mask !== 0) writeEntry(writer, symbolId, mask, rows, 0, VALUES);
    expect(decode(writer.view())).toEqual(vector.entry);
    expect(decode(bytesOf(vector.hex))).toEqual(vector.entry);
  });

  it.each(named(entries.reader))('are applied: %s', (_name, { steps }) => {
    const mirror = new SdkMirror();
    for (const step of steps) {
      mirror.apply(step.entries);
      const known = [...mirror.values].map(([id, values]) => [
        String(id),
        Object.fromEntries(
          VALUE_KEYS.map((key) => [key, Number.isNaN(values[key]) ? null : values[key]]),
        ),
      ]);
      expect(Object.fromEntries(known)).toEqual(step.mirror);
    }
  });

  it.each(named(entries.faults))('are refused: %s', (_name, vector) => {
    expect(() => new SdkMirror().apply(vector.entries)).toThrow(RangeError);
  });

  it('cover every field', () => {
    const masks = entries.writer.map(({ entry }) => entry[1] ?? 0);
    expect(masks.reduce((all, mask) => all | mask, 0)).toBe(ALL_FIELDS | FULL);
  });
});

const digests = load<{
  vectors: {
    name: string;
    symbols: (SymbolValues & { symbolId: number })[];
    bytes: string;
    digest: number;
  }[];
}>('digest.json').vectors;

describe.each(named(digests))('digest: %s', (_name, { symbols, bytes, digest }) => {
  it('is what we compute, and FNV-1a of the bytes given', () => {
    const ours = new Digest();
    for (const { symbolId, ...values } of symbols) ours.add(symbolId, values);
    expect(ours.value).toBe(digest);
    expect(fnv1a(bytesOf(bytes))).toBe(digest);
  });
});

const symbols = load<{
  symbols: { text: string; fault: string | null }[];
  patterns: { pattern: string; matches: string[]; misses: string[] }[];
  badPatterns: { text: string; fault: string }[];
}>('symbols.json');

/** Our fault texts contain the vectors' terms. */
const FAULT_WORDS: Readonly<Record<string, string>> = {
  empty: 'is empty',
  'too long': 'is longer than',
  'control character': 'a control character',
  'lone surrogate': 'a lone surrogate',
  'white space': 'white space',
  reserved: 'reserved for patterns',
};

function expectFault(found: string | undefined, fault: string | null): void {
  if (fault === null) expect(found).toBeUndefined();
  else expect(found).toContain(FAULT_WORDS[fault]);
}

describe('symbols', () => {
  it.each(symbols.symbols)('$text: $fault', ({ text, fault }) => {
    expectFault(validateSymbol(text), fault);
    if (fault === null || fault === 'reserved') expectFault(validatePattern(text), null);
  });

  it.each(symbols.patterns)('the pattern $pattern', ({ pattern, matches, misses }) => {
    expect(validatePattern(pattern)).toBeUndefined();
    const test = patternMatcher(pattern);
    expect(matches.filter((symbol) => !test(symbol))).toEqual([]);
    expect(misses.filter(test)).toEqual([]);
  });

  it.each(symbols.badPatterns)('the pattern $text: $fault', ({ text, fault }) => {
    expectFault(validatePattern(text), fault);
  });
});

const hashes = load<{
  vectors: { symbol: string; utf8: string; fnv1a: number; hash: number }[];
}>('partition-hash.json').vectors;

/** MurmurHash3's finalizer by definition. */
function fmix32(value: number): number {
  const bits = 2n ** 32n;
  let hash = BigInt(value);
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) % bits;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) % bits;
  return Number(hash ^ (hash >> 16n));
}

describe.each(hashes)('partition hash of $symbol', (vector) => {
  const bytes = Buffer.from(vector.symbol);

  it('is FNV-1a and fmix32 over its UTF-8', () => {
    expect(bytes.toString('hex')).toBe(vector.utf8);
    expect(fnv1a(bytes)).toBe(vector.fnv1a);
    expect(fmix32(vector.fnv1a)).toBe(vector.hash);
  });

  it('is what decides partitions', () => {
    expect(symbolHash(bytes, 0, bytes.length)).toBe(vector.hash);
    const inside = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
    expect(symbolHash(inside, 2, 2 + bytes.length)).toBe(vector.hash);
  });
});
