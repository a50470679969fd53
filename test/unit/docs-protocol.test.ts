import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { OPERATIONS } from '../../src/http/api-docs/openapi-operations.ts';
import {
  CloseCode,
  Digest,
  decodeFrame,
  ErrorCode,
  encodeFrame,
  errorName,
  Field,
  FRAME_DEPTH_MAX,
  type Frame,
  FULL,
  isReconnectable,
  isRetryable,
  type Limits,
  Op,
  OVERFLOW_POLICIES,
  PROTOCOL_VERSION,
  PUBLISH_PATH,
  type PublishWelcomeInfo,
  readPublishRequest,
  readStreamRequest,
  readTicksFrame,
  readWelcome,
  STREAM_PATH,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
  type SubscribeOptions,
  SYMBOL_LENGTH_MAX,
  TickBatch,
  type WelcomeInfo,
} from '../../src/protocol/index.ts';
import {
  PROTOCOL_EXAMPLES as EXAMPLES,
  PROTOCOL_PAGE as page,
  protocolTable as table,
} from '../support/protocol-page.ts';
import { SdkMirror } from '../support/sdk-mirror.ts';

/** Name by number from two columns of a table, in its order. */
function numbered(rows: readonly string[][]): [name: string, value: number][] {
  return rows.map(([value = '', name = '']) => [name, Number(value)]);
}

// Kept complete by the compiler: a missing key is a type error.
const WELCOME_KEYS: Record<keyof PublishWelcomeInfo, string> = {
  version: 'everywhere',
  epoch: 'everywhere',
  session: 'everywhere',
  serverTime: 'everywhere',
  heartbeatMs: 'everywhere',
  limits: 'everywhere',
  publisher: PUBLISH_PATH,
  sequence: PUBLISH_PATH,
  credit: PUBLISH_PATH,
  overflow: PUBLISH_PATH,
};
const LIMIT_KEYS: Record<keyof Limits, true> = {
  frameBytesMax: true,
  ticksPerFrameMax: true,
  symbolsMax: true,
  subscriptionsMax: true,
  wildcardsMax: true,
  authTimeoutMs: true,
};
const OPTION_KEYS: Record<keyof SubscribeOptions, true> = {
  stats: true,
  anomalies: true,
  conflateMs: true,
  fields: true,
  since: true,
  alerts: true,
  alertsSince: true,
};

describe('the tables of docs/PROTOCOL.md', () => {
  it('list every op and no other, each with a frame of its number', () => {
    const rows = table('op', 'name', 'from', 'frame');
    expect(numbered(rows)).toEqual(Object.entries(Op));
    for (const [op = '', , from, frame = ''] of rows) {
      expect(frame.startsWith(`[${op}, `)).toBe(true);
      expect(from === 'server').toBe(Number(op) >= 16);
    }
  });

  it('list every error code and whether to retry', () => {
    const rows = table('code', 'name', 'retryable');
    expect(numbered(rows)).toEqual(Object.entries(ErrorCode));
    for (const [code, , retryable] of rows) {
      expect(retryable).toBe(isRetryable(Number(code) as ErrorCode) ? 'yes' : 'no');
    }
  });

  it('list every close code and what to do', () => {
    const rows = table('close code', 'name');
    expect(numbered(rows)).toEqual(Object.entries(CloseCode));
    for (const [code, , , advice = ''] of rows) {
      expect(advice.includes('reconnect')).toBe(isReconnectable(Number(code)));
    }
  });

  it('list the keys of WELCOME, its limits, and the options of SUBSCRIBE', () => {
    const welcome = table('key', 'where').map(([key, where]) => [key, where]);
    expect(welcome).toEqual(Object.entries(WELCOME_KEYS));
    expect(table('limit').map(([key]) => key)).toEqual(Object.keys(LIMIT_KEYS));
    expect(table('option').map(([key]) => key)).toEqual(Object.keys(OPTION_KEYS));
  });

  it('list every field bit', () => {
    const expected = Object.entries({ ...Field, FULL }).map(([name, bit]) => [
      name.toLowerCase(),
      bit,
    ]);
    expect(numbered(table('bit', 'field'))).toEqual(expected);
  });

  it('list overflow policies, endpoints and subprotocols', () => {
    expect(table('overflow', 'when a queue is full').map(([policy]) => policy)).toEqual(
      OVERFLOW_POLICIES,
    );
    expect(table('endpoint').map(([endpoint = '']) => endpoint.split(' ')[1])).toEqual([
      PUBLISH_PATH,
      STREAM_PATH,
    ]);
    expect(table('Sec-WebSocket-Protocol').map(([name]) => name)).toEqual([
      SUBPROTOCOL_BINARY,
      SUBPROTOCOL_JSON,
    ]);
  });

  it('say the version and the bounds that the code has', () => {
    expect(page).toContain(`# Tickwire wire protocol, version ${PROTOCOL_VERSION}`);
    expect(page).toContain(`1 to ${SYMBOL_LENGTH_MAX} Unicode code points`);
    expect(page).toContain(`deeper than ${FRAME_DEPTH_MAX} containers`);
    expect(page).toContain(`The digest of no symbol is ${new Digest().value}.`);
    const { processing, server, stream } = parseConfig({});
    const closeSeconds = stream.slowSessionCloseMs / 1000;
    expect(page).toMatch(
      new RegExp(`slowSessionCloseMs\`, ${closeSeconds} s\\s+unless configured`),
    );
    expect(page).toContain(`(the ${server.badFramesMax}th, unless configured otherwise)`);
    expect(page).toContain(`more than ${processing.maxFutureMs / 1000} 000 ms ahead`);
  });

  it('name files and headings that exist', () => {
    const links = [...page.matchAll(/\]\((.+?)\)/g)].map(([, target = '']) => target.split('#'));
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    );
    expect(links.length).toBeGreaterThan(20);
    for (const [file = '', anchor] of links) {
      if (file === '') expect(anchors).toContain(anchor);
      else expect(existsSync(new URL(`../../docs/${file}`, import.meta.url)), file).toBe(true);
    }
  });

  it('name the documents that a server has of its interfaces', () => {
    const documents = [...page.matchAll(/`(\/\w+api\.json)`/g)].map(([, path]) => path);
    expect(new Set(documents)).toEqual(new Set(['/asyncapi.json', '/openapi.json']));
    for (const path of documents) expect(Object.keys(OPERATIONS)).toContain(`GET ${path}`);
  });

  it('name only codes that exist in the text', () => {
    const names = [...page.matchAll(/`([a-z]+_[a-z_]+)`/g)].map(([, name]) => name as string);
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !Object.hasOwn(ErrorCode, name))).toEqual([]);
  });
});

/** Applies a server's frame as a client, with one mirror an example. */
function takeAsClient(frame: Frame, mirror: SdkMirror): void {
  const [op, first, second, third] = frame;
  expect(Object.values(Op).filter((known) => known >= 16)).toContain(op);
  if (op === Op.WELCOME) {
    const info: WelcomeInfo = readWelcome(frame);
    const all = Object.keys(WELCOME_KEYS) as (keyof PublishWelcomeInfo)[];
    const expected = all.filter((key) => 'publisher' in info || WELCOME_KEYS[key] === 'everywhere');
    expect(Object.keys(info)).toEqual(expected);
    expect(Object.keys(info.limits)).toEqual(Object.keys(LIMIT_KEYS));
  }
  if (op === Op.STATS) mirror.apply(second as number[]);
  if (op === Op.ERROR) {
    expect(errorName(second as number)).toBeDefined();
    expect(frame[4]).toBe(isRetryable(second as ErrorCode));
  }
  if (op === Op.DIGEST) {
    const digest = new Digest();
    for (const [id, values] of [...mirror.values].sort(([a], [b]) => a - b)) digest.add(id, values);
    expect([second, third]).toEqual([digest.value, mirror.values.size]);
  }
  if (op === Op.ANOMALY) {
    for (const [, , direction, reference, price, change] of second as number[][]) {
      const expected = (((price as number) - (reference as number)) / (reference as number)) * 100;
      expect(change).toBe(expected);
      expect(direction).toBe(Math.sign(expected));
    }
  }
  if (op === Op.SUBSCRIBED) expect([first, second]).toEqual([1, [0, 0]]);
}

function takeAsServer(frame: Frame, sender: string): void {
  if (frame[0] === Op.TICKS) {
    const batch = new TickBatch();
    readTicksFrame(frame, batch, 0, 1000);
    expect(batch.count).toBeGreaterThan(0);
  } else {
    const read = sender === 'publisher' ? readPublishRequest : readStreamRequest;
    expect(read(frame).op).toBe(frame[0]);
  }
}

describe('the examples of docs/PROTOCOL.md', () => {
  it.each(EXAMPLES.map((example, index) => [index, example] as const))(
    'number %d is accepted, in both encodings',
    (_index, example) => {
      const mirror = new SdkMirror();
      for (const { sender, json } of example) {
        const frame = decodeFrame(json);
        const fromBinary = decodeFrame(encodeFrame(frame, 'binary'));
        expect(fromBinary).toHaveLength(frame.length);
        if (sender === 'server') {
          takeAsClient(frame, mirror);
        } else {
          takeAsServer(frame, sender);
          takeAsServer(fromBinary, sender);
        }
      }
    },
  );

  it('show every op', () => {
    const ops = EXAMPLES.flat().map(({ json }) => decodeFrame(json)[0]);
    expect([...new Set(ops)].sort((a, b) => a - b)).toEqual(Object.values(Op));
  });
});
