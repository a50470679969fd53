import type { Random } from '../../testkit/random.ts';

const INTERESTING_BYTES = [0, 1, 0x0a, 0x20, 0x22, 0x2f, 0x7f, 0x80, 0x90, 0xc0, 0xc1, 0xdd, 0xff];
const INTERESTING_INTEGERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 2 ** 31];
const STEPS_MAX = 6;

/** What mutations draw from. */
export interface Material {
  /** Inputs that others were kept for. */
  readonly corpus: readonly Uint8Array[];
  readonly dictionary: readonly Uint8Array[];
  readonly bytesMax: number;
}

type Mutation = (random: Random, input: Buffer, material: Material) => Buffer;

/** An input made of another one by a few random changes. */
export function mutate(random: Random, input: Uint8Array, material: Material): Uint8Array {
  let mutated: Buffer = Buffer.from(input);
  for (let steps = random.between(1, STEPS_MAX); steps > 0; steps--) {
    // Growing by repetition is what finds recursion and quadratic time, but such inputs are slow:
    // seldom.
    const change = random.chance(0.01) ? repeatOften : random.pick(MUTATIONS);
    mutated = change(random, mutated, material);
  }
  return mutated.subarray(0, material.bytesMax);
}

function flipBit(random: Random, input: Buffer): Buffer {
  if (input.length === 0) return input;
  const at = random.below(input.length);
  input[at] = (input[at] as number) ^ (1 << random.below(8));
  return input;
}

function setByte(random: Random, input: Buffer): Buffer {
  if (input.length === 0) return input;
  const byte = random.chance(0.5) ? random.pick(INTERESTING_BYTES) : random.below(256);
  input[random.below(input.length)] = byte;
  return input;
}

function setInteger(random: Random, input: Buffer): Buffer {
  const size = random.pick([2, 4]);
  if (input.length < size) return input;
  const at = random.below(input.length - size + 1);
  const near = random.chance(0.3) ? input.length + random.between(-4, 4) : undefined;
  const value = (near ?? random.pick(INTERESTING_INTEGERS)) >>> 0;
  const bits = size === 2 ? value & 0xffff : value;
  if (random.chance(0.5)) input.writeUIntLE(bits, at, size);
  else input.writeUIntBE(bits, at, size);
  return input;
}

function remove(random: Random, input: Buffer): Buffer {
  const [from, to] = range(random, input);
  return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
}

function insertNoise(random: Random, input: Buffer): Buffer {
  const noise = Buffer.from(Array.from({ length: random.between(1, 8) }, () => random.below(256)));
  return insert(random, input, noise);
}

function insertToken(random: Random, input: Buffer, { dictionary }: Material): Buffer {
  return dictionary.length === 0 ? input : insert(random, input, random.pick(dictionary));
}

function overwriteToken(random: Random, input: Buffer, { dictionary }: Material): Buffer {
  if (dictionary.length === 0) return input;
  const token = random.pick(dictionary);
  const at = random.below(input.length + 1);
  const rest = input.subarray(at + token.length);
  return Buffer.concat([input.subarray(0, at), token, rest]);
}

function moveRange(random: Random, input: Buffer): Buffer {
  const [from, to] = range(random, input);
  const piece = Buffer.from(input.subarray(from, to));
  if (random.chance(0.5)) return insert(random, input, piece);
  piece.copy(input, random.below(input.length + 1));
  return input;
}

function splice(random: Random, input: Buffer, { corpus }: Material): Buffer {
  if (corpus.length === 0) return input;
  const other = random.pick(corpus);
  const cut = random.below(input.length + 1);
  return Buffer.concat([input.subarray(0, cut), other.subarray(random.below(other.length + 1))]);
}

function insertOther(random: Random, input: Buffer, { corpus }: Material): Buffer {
  if (corpus.length === 0) return input;
  const other = Buffer.from(random.pick(corpus));
  const [from, to] = range(random, other);
  return insert(random, input, other.subarray(from, to));
}

function cutOff(random: Random, input: Buffer): Buffer {
  return input.subarray(0, random.below(input.length + 1));
}

function changeDigits(random: Random, input: Buffer): Buffer {
  const digits = [...input.keys()].filter((at) => {
    const byte = input[at] as number;
    return byte >= 0x30 && byte <= 0x39;
  });
  if (digits.length === 0) return input;
  for (let count = random.between(1, 3); count > 0; count--) {
    input[random.pick(digits)] = 0x30 + random.below(10);
  }
  return input;
}

function repeatOften(random: Random, input: Buffer, { bytesMax }: Material): Buffer {
  const [from, to] = range(random, input);
  const piece = input.subarray(from, to);
  if (piece.length === 0) return input;
  const room = Math.max(0, bytesMax - input.length);
  const times = Math.floor(random.logUniform(1, Math.max(2, room / piece.length)));
  const repeated = Buffer.alloc(Math.min(room, piece.length * times), piece);
  return Buffer.concat([input.subarray(0, from), repeated, input.subarray(from)]);
}

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setInteger,
  remove,
  insertNoise,
  insertToken,
  insertToken,
  overwriteToken,
  moveRange,
  splice,
  insertOther,
  cutOff,
  changeDigits,
];

function insert(random: Random, input: Buffer, piece: Uint8Array): Buffer {
  const at = random.below(input.length + 1);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)]);
}

/** Short ones more often than long ones. */
function range(random: Random, input: Buffer): [from: number, to: number] {
  const from = random.below(input.length + 1);
  const length = Math.floor(random.logUniform(1, Math.max(2, input.length + 1)));
  return [from, Math.min(input.length, from + length)];
}
