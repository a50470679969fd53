import { readFileSync } from 'node:fs';
import { encode } from '@msgpack/msgpack';
import { UNREADABLE, UNREADABLE_TEXTS } from '../../testkit/hostile-messages.ts';
import type { Random } from '../../testkit/random.ts';
import { Opcode } from '../../testkit/web-socket.ts';
import { mutate } from '../engine/mutation.ts';
import { clientFrame } from '../generate/frames.ts';
import { collidingIntegers, encodeSomehow, jsonOf } from '../generate/values.ts';
import {
  brokenChunks,
  goodRequests,
  type HttpBytes,
  smuggling,
  upgradeBytes,
} from './http-bytes.ts';
import { brokenFrame, message } from './web-socket-bytes.ts';

/** One write to a socket. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** How long to wait for the server to say something before going on, ms; 0: not at all. */
  readonly waitMs: number;
}

/** How a peer leaves: says so, cuts the connection, or stays and says nothing. */
export type Ending = 'fin' | 'reset' | 'stay';

/** What one connection does. */
export interface PeerScript {
  readonly what: string;
  readonly chunks: readonly Chunk[];
  readonly ending: Ending;
  /**
   * HTTP answers it may get at most, where more would mean that a request was read that none was.
   */
  readonly answersMax?: number | undefined;
}

/** Connections that are there at the same time. */
export type Script = readonly PeerScript[];

/** What is needed to see a fault again. */
export interface SocketFinding {
  readonly transport: 'node' | 'uws';
  readonly fault: string;
  readonly scripts: readonly Script[];
}

export function findingText(finding: SocketFinding): string {
  return JSON.stringify(
    finding,
    (_key, value: unknown) => (value instanceof Uint8Array ? { base64: base64Of(value) } : value),
    1,
  );
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

export function readFinding(path: string): SocketFinding {
  return JSON.parse(readFileSync(path, 'utf8'), (_key, value: unknown) => {
    const { base64 } = Object(value) as { readonly base64?: unknown };
    return typeof base64 === 'string' ? new Uint8Array(Buffer.from(base64, 'base64')) : value;
  }) as SocketFinding;
}

const PEERS_MAX = 12;
const MESSAGES_MAX = 25;
const HANDSHAKE_MS = 300;
const COLLIDING = 8000;
const NO_MATERIAL = { corpus: [], dictionary: [Buffer.from('\r\n')], bytesMax: 200_000 };

const BINARY = Object.values(UNREADABLE);
const TEXTS = Object.values(UNREADABLE_TEXTS);

let colliding: readonly number[] | undefined;

/** Connections that do what a client may do, and what none may do, in random order. */
export function makeScript(random: Random): Script {
  return Array.from({ length: random.between(1, PEERS_MAX) }, () => makePeer(random));
}

function makePeer(random: Random): PeerScript {
  const ending = random.pick<Ending>(['fin', 'fin', 'reset', 'stay']);
  const kind = random.below(10);
  if (kind < 6) return webSocketPeer(random, ending);
  if (kind < 7) return { what: 'garbage', chunks: split(random, garbage(random)), ending };
  const maker = random.pick([goodRequests, goodRequests, brokenChunks, smuggling]);
  const { bytes, answersMax }: HttpBytes = maker(random);
  const isMutated = answersMax === undefined && random.chance(0.4);
  const sent = isMutated ? Buffer.from(mutate(random, bytes, NO_MATERIAL)) : bytes;
  return { what: `http ${maker.name}`, chunks: split(random, sent), ending, answersMax };
}

function webSocketPeer(random: Random, ending: Ending): PeerScript {
  const endpoint = random.pick(['publish', 'stream'] as const);
  const isJson = random.chance(0.4);
  const name = random.chance(0.3) ? `?publisher=p${random.below(3)}` : '';
  const isRight = random.chance(0.95);
  const protocol = isJson ? 'tickwire.v1.json' : 'tickwire.v1';
  const handshake = upgradeBytes(random, `/v1/${endpoint}${name}`, protocol, isRight);
  const chunks: Chunk[] = [{ bytes: handshake, waitMs: random.chance(0.95) ? HANDSHAKE_MS : 0 }];
  for (let count = random.below(MESSAGES_MAX); count > 0; count--) {
    const isBroken = random.chance(0.02);
    const bytes = isBroken ? brokenFrame(random) : anyMessage(random, endpoint, isJson);
    chunks.push(...split(random, bytes));
  }
  return { what: `${endpoint} ${protocol}`, chunks, ending };
}

function anyMessage(random: Random, endpoint: 'publish' | 'stream', isJson: boolean): Buffer {
  if (random.chance(0.003)) return collidingMessage(random, endpoint);
  if (random.chance(0.03)) return message(random, Opcode.BINARY, random.pick(BINARY));
  if (random.chance(0.03)) return message(random, Opcode.TEXT, Buffer.from(random.pick(TEXTS)));
  const frame = clientFrame(random, random.chance(0.9) ? endpoint : 'publish');
  const payload = isJson ? Buffer.from(jsonOf(frame)) : encodeSomehow(random, frame);
  const sent = random.chance(0.2) ? mutate(random, payload, NO_MATERIAL) : payload;
  const isRightKind = random.chance(0.98);
  return message(random, isJson === isRightKind ? Opcode.TEXT : Opcode.BINARY, sent);
}

/**
 * Numbers that would fill one bucket of a hash table: as keys of a map, and as aliases one by one.
 */
function collidingMessage(random: Random, endpoint: 'publish' | 'stream'): Buffer {
  colliding ??= collidingIntegers(COLLIDING);
  if (endpoint === 'stream') {
    const keys = new Map(colliding.map((key) => [key, 0]));
    return message(random, Opcode.BINARY, encodeSomehow(random, [4, 1, ['A'], keys]));
  }
  return Buffer.concat(
    colliding.map((alias) => message(random, Opcode.BINARY, encode([2, alias, ['A']]))),
  );
}

function garbage(random: Random): Buffer {
  const length = Math.floor(random.logUniform(1, 20_000));
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

/** In one write mostly, else in several, wherever they part it. */
function split(random: Random, bytes: Buffer): Chunk[] {
  if (bytes.length < 2 || random.chance(0.8)) return [{ bytes, waitMs: 0 }];
  const cut = random.between(1, bytes.length - 1);
  const first = { bytes: bytes.subarray(0, cut), waitMs: random.pick([0, 0, 1, 5]) };
  return [first, ...split(random, bytes.subarray(cut))];
}
