import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { asyncApiDocument } from '../../src/http/api-docs/asyncapi-document.ts';
import { Op, PUBLISH_PATH, STREAM_PATH } from '../../src/protocol/index.ts';
import { lintApi } from '../support/api-document.ts';
import { AsyncApiDocument, type Direction, opOf } from '../support/async-api-document.ts';
import { PROTOCOL_EXAMPLES, protocolTable } from '../support/protocol-page.ts';

const api = new AsyncApiDocument(JSON.parse(JSON.stringify(asyncApiDocument('1.2.3'))));
const { document } = api;
const messages = Object.values(document.components.messages);

/** Vectors of the conformance suite: what clients send and servers answer. */
function vectors<Vector>(name: string): readonly Vector[] {
  const file = new URL(`../conformance/vectors/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }).vectors;
}

describe('the AsyncAPI document', () => {
  it('is without fault', async () => {
    const { problems, totals } = await lintApi(document);
    expect(problems).toEqual([]);
    expect(totals).toMatchObject({ errors: 0, warnings: 0 });
  });

  it('is looked at by a linter that does find faults', async () => {
    const broken = structuredClone(document) as { operations: Record<string, object> };
    broken.operations['stream.VERIFY'] = { action: 'answer', channel: { $ref: '#/channels/no' } };
    expect((await lintApi(broken)).totals.errors).toBeGreaterThan(0);
  });

  it('says the version it is given, and where a server listens by default', () => {
    expect(document.info.version).toBe('1.2.3');
    const { host, port } = parseConfig({}).server;
    expect(document.servers.self).toMatchObject({
      variables: { address: { default: `${host}:${port}` } },
    });
  });

  it('has every op of the protocol and no other, under its name', () => {
    const ops = messages.map((message) => [message.name, opOf(message)]);
    const known = new Map(Object.entries(Op));
    for (const [name, op] of ops) expect(known.get(String(name)), String(name)).toBe(op);
    expect(new Set(ops.map(([, op]) => op))).toEqual(new Set(Object.values(Op)));
    // One op has two messages: WELCOME differs by endpoint.
    expect(ops.length).toBe(known.size + 1);
  });

  it('lets each op go where the protocol says, one way only', () => {
    const opsOf = (address: string, direction: Direction) =>
      new Set([...api.messages(address, direction).values()].map(opOf));
    const rows = protocolTable('op', 'name', 'from', 'frame');
    const from = (...senders: readonly string[]) =>
      new Set(rows.filter(([, , by = '']) => senders.includes(by)).map(([op]) => Number(op)));
    expect(opsOf(PUBLISH_PATH, 'receive')).toEqual(from('publisher', 'client'));
    expect(opsOf(STREAM_PATH, 'receive')).toEqual(from('subscriber', 'client'));
    const sent = [...opsOf(PUBLISH_PATH, 'send'), ...opsOf(STREAM_PATH, 'send')];
    expect(new Set(sent)).toEqual(from('server'));
  });

  it('lists in a channel just the messages that its operations use', () => {
    for (const { address, messages: listed } of Object.values(document.channels)) {
      const used = [...api.messages(address, 'send'), ...api.messages(address, 'receive')];
      expect(new Set(Object.keys(listed))).toEqual(new Set(used.map(([name]) => name)));
    }
  });

  it('has every error code and close code, as the page about the protocol has them', () => {
    const errors = protocolTable('code', 'name', 'retryable').map(
      ([code, name, retryable, when]) => ({
        code: Number(code),
        name,
        retryable: retryable === 'yes',
        when,
      }),
    );
    expect(errors.length).toBeGreaterThan(10);
    expect(withoutQuotes(document['x-error-codes'])).toEqual(errors);
    const closings = protocolTable('close code', 'name').map(([code, name, meaning, client]) => ({
      code: Number(code),
      name,
      reconnect: client?.includes('reconnect'),
      meaning,
      client,
    }));
    expect(closings.length).toBeGreaterThan(5);
    expect(document['x-close-codes']).toEqual(closings);
    for (const { code, name } of [...errors, ...closings]) {
      expect(document.info.description).toContain(`| ${code} | \`${name}\` |`);
    }
  });
});

function withoutQuotes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('`', ''));
}

describe('the schemas of the AsyncAPI document', () => {
  const page = PROTOCOL_EXAMPLES.flatMap((example) => {
    const address = example.some(
      ({ sender, json }) => sender === 'publisher' || json.includes('"publisher"'),
    )
      ? PUBLISH_PATH
      : STREAM_PATH;
    return example.map(({ sender, json }) => ({
      address,
      direction: sender === 'server' ? ('send' as const) : ('receive' as const),
      json,
    }));
  });

  it.each(page)('take a frame of the page: $json', ({ address, direction, json }) => {
    const frame = JSON.parse(json) as unknown[];
    expect(api.fault(address, direction, frame)).toBeUndefined();
  });

  it('come with the frames of the page as examples', () => {
    const examples = messages.flatMap((message) => message.examples.map(({ payload }) => payload));
    const sorted = (frames: readonly unknown[]) =>
      frames.map((frame) => JSON.stringify(frame)).sort();
    expect(sorted(examples)).toEqual(sorted(page.map(({ json }) => JSON.parse(json))));
    for (const message of messages) {
      for (const { payload } of message.examples) {
        expect(api.payloadFault(message.payload, payload)).toBeUndefined();
      }
    }
  });

  it('refuse every frame of the page that is changed in shape', () => {
    for (const { address, direction, json } of page) {
      const frame = JSON.parse(json) as unknown[];
      const broken = [
        frame.slice(0, -1),
        [...frame, { odd: 1 }],
        frame.map((element, index) => (index === frame.length - 1 ? { odd: element } : element)),
        [15, ...frame.slice(1)],
      ];
      // An omitted option is no change.
      const faults = broken.map((changed) => api.fault(address, direction, changed));
      if (frame[0] === Op.SUBSCRIBE) faults.shift();
      expect(faults, json).not.toContain(undefined);
    }
  });

  it('take every frame of the conformance vectors that a server takes', () => {
    interface Vector {
      readonly name: string;
      readonly endpoint: 'publish' | 'stream';
      readonly frame?: readonly unknown[];
      readonly request?: { readonly symbols?: readonly unknown[] };
    }
    // Non-text symbols of ALIAS are rejected singly: clients are not told to send them.
    const isSound = ({ request }: Vector) =>
      request?.symbols?.every((symbol) => typeof symbol === 'string') ?? request !== undefined;
    const taken = vectors<Vector>('client-frames').filter(isSound);
    expect(taken.length).toBeGreaterThan(10);
    for (const { name, endpoint, frame = [] } of taken) {
      const address = endpoint === 'publish' ? PUBLISH_PATH : STREAM_PATH;
      const described = [...api.messages(address, 'receive').values()];
      const message = described.find((candidate) => opOf(candidate) === frame[0]);
      expect(api.payloadFault(message?.payload ?? {}, frame), name).toBeUndefined();
    }
  });

  it('accept every server frame of the conformance vectors, of later versions too', () => {
    const sent = vectors<{ name: string; frame: unknown[] }>('server-frames');
    const known = sent.filter(({ frame }) => new Set<unknown>(Object.values(Op)).has(frame[0]));
    expect(known.length).toBeGreaterThan(10);
    for (const { name, frame } of known) {
      const described = messages.filter((message) => opOf(message) === frame[0]);
      const faults = described.map(({ payload }) => api.payloadFault(payload, frame));
      expect(faults, name).toContain(undefined);
    }
  });
});
