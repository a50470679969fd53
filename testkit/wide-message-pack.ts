/*
 * MessagePack in any of its forms. A value has many encodings (7 is a fixint, a uint64, a float32
 * …), other libraries choose other ones than ours, and all of them must be read alike; so tests
 * encode with a chooser.
 */

/** Picks one of `count` possibilities: an integer from 0 to `count - 1`. */
export type Choose = (count: number) => number;

/** A chooser that goes round the picks given, for properties that shrink to the shortest forms. */
export function chooseBy(picks: readonly number[]): Choose {
  let next = 0;
  return (count) => (picks[next++ % picks.length] ?? 0) % count;
}

/**
 * Encodes nil, booleans, numbers, strings, binary, arrays, and maps or objects, as `choose` says.
 */
export function encodeAnyWay(value: unknown, choose: Choose): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'number') return pick(numberForms(value), choose);
  if (typeof value === 'string') return text(Buffer.from(value), choose);
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return Buffer.concat([header([], [0xc4, 0xc5, 0xc6], bytes.length, choose), bytes]);
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => encodeAnyWay(item, choose));
    return Buffer.concat([header([0x90, 16], [-1, 0xdc, 0xdd], items.length, choose), ...items]);
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value as object);
  const items = entries.flat().map((item) => encodeAnyWay(item, choose));
  return Buffer.concat([header([0x80, 16], [-1, 0xde, 0xdf], entries.length, choose), ...items]);
}

/** A string of raw bytes, which need not be UTF-8. */
export function text(bytes: Uint8Array, choose: Choose): Buffer {
  return Buffer.concat([header([0xa0, 32], [0xd9, 0xda, 0xdb], bytes.length, choose), bytes]);
}

/** Every form that gives back exactly this number, the shortest first. */
export function numberForms(value: number): Buffer[] {
  const forms: Buffer[] = [];
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    if (value >= -32 && value < 128) forms.push(Buffer.of(value & 0xff));
    for (const [size, unsigned, signed] of INTEGER_TAGS) {
      const big = BigInt(value);
      const bits = size * 8;
      if (BigInt.asUintN(bits, big) === big) forms.push(integer(unsigned, size, big));
      if (BigInt.asIntN(bits, big) === big) forms.push(integer(signed, size, big));
    }
  }
  if (Object.is(Math.fround(value), value)) {
    const float = Buffer.alloc(5, 0xca);
    float.writeFloatBE(value, 1);
    forms.push(float);
  }
  const double = Buffer.alloc(9, 0xcb);
  double.writeDoubleBE(value, 1);
  forms.push(double);
  return forms.sort((a, b) => a.length - b.length);
}

const INTEGER_TAGS = [
  [1, 0xcc, 0xd0],
  [2, 0xcd, 0xd1],
  [4, 0xce, 0xd2],
  [8, 0xcf, 0xd3],
] as const;

function integer(tag: number, size: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(1 + size, tag);
  let rest = BigInt.asUintN(size * 8, value);
  for (let at = size; at >= 1; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/**
 * A length in one of its forms: inside the tag, or in 1, 2 or 4 bytes behind it (a tag of -1: no
 * such form).
 */
function header(
  [fixedTag, fixedEnd]: readonly number[],
  tags: readonly number[],
  length: number,
  choose: Choose,
): Buffer {
  const forms: Buffer[] = [];
  if (fixedTag !== undefined && fixedEnd !== undefined && length < fixedEnd) {
    forms.push(Buffer.of(fixedTag | length));
  }
  tags.forEach((tag, index) => {
    const size = 2 ** index;
    if (tag >= 0 && length < 256 ** size) forms.push(integer(tag, size, BigInt(length)));
  });
  return pick(forms, choose);
}

function pick(forms: readonly Buffer[], choose: Choose): Buffer {
  const form = forms[choose(forms.length)];
  if (form === undefined) throw new RangeError('the chooser went beyond the possibilities');
  return form;
}
