import type { Random } from '../../testkit/random.ts';

/** The parts of a WebSocket frame that can be wrong. */
export interface FrameParts {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly isFinal?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** What the header says instead of the payload's own length. */
  readonly declared?: number | undefined;
  /** Bytes that the length takes in the header: 1, 2 or 8. The shortest that fits, if not given. */
  readonly lengthBytes?: number | undefined;
}

export const Opcode = { MORE: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** A frame as bytes. */
function webSocketFrame(random: Random, parts: FrameParts): Buffer {
  const { opcode, payload, isFinal = true, reserved = 0, isMasked = true } = parts;
  const length = parts.declared ?? payload.length;
  const lengthBytes = parts.lengthBytes ?? (length < 126 ? 1 : length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(lengthBytes === 1 ? 2 : 2 + lengthBytes);
  header[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = isMasked ? 0x80 : 0;
  if (lengthBytes === 1) {
    header[1] = maskBit | Math.min(length, 125);
  } else if (lengthBytes === 2) {
    header[1] = maskBit | 126;
    header.writeUInt16BE(length & 0xffff, 2);
  } else {
    header[1] = maskBit | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!isMasked) return Buffer.concat([header, payload]);
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE(random.uint32());
  const masked = Buffer.from(payload.map((byte, at) => byte ^ (mask[at & 3] as number)));
  return Buffer.concat([header, mask, masked]);
}

/** A message in one frame or in several, with control frames between them now and then. */
export function message(random: Random, opcode: number, payload: Uint8Array): Buffer {
  if (random.chance(0.8)) return webSocketFrame(random, { opcode, payload });
  const parts: Buffer[] = [];
  for (let at = 0, isLast = false; !isLast; ) {
    const end = Math.min(payload.length, at + random.below(payload.length + 2));
    isLast = end === payload.length && random.chance(0.7);
    const first = at === 0 && parts.length === 0;
    const piece = payload.subarray(at, end);
    parts.push(
      webSocketFrame(random, {
        opcode: first ? opcode : Opcode.MORE,
        payload: piece,
        isFinal: isLast,
      }),
    );
    if (random.chance(0.2)) parts.push(control(random));
    at = end;
  }
  return Buffer.concat(parts);
}

function control(random: Random): Buffer {
  const payload = Buffer.alloc(random.pick([0, 1, 125]), 0x61);
  return webSocketFrame(random, { opcode: random.pick([Opcode.PING, Opcode.PONG]), payload });
}

/** What no client may send. */
export function brokenFrame(random: Random): Buffer {
  const payload = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
  const huge = random.pick([2 ** 16, 2 ** 20 + 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53]);
  const broken: readonly FrameParts[] = [
    { opcode: Opcode.BINARY, payload, isMasked: false },
    { opcode: Opcode.BINARY, payload, reserved: random.between(1, 7) },
    { opcode: random.between(3, 7), payload },
    { opcode: random.between(11, 15), payload },
    { opcode: Opcode.MORE, payload },
    { opcode: Opcode.BINARY, payload, declared: huge, lengthBytes: 8 },
    { opcode: Opcode.BINARY, payload, lengthBytes: 8 },
    { opcode: Opcode.BINARY, payload, declared: payload.length + 10 },
    { opcode: Opcode.PING, payload: Buffer.alloc(126) },
    { opcode: Opcode.PING, payload, isFinal: false },
    { opcode: Opcode.CLOSE, payload: payload.subarray(0, random.pick([1, 2, 50])) },
    { opcode: Opcode.CLOSE, payload: Buffer.from([0x03, random.below(256)]) },
    { opcode: Opcode.TEXT, payload: Buffer.from([0xc3, 0x28]) },
    { opcode: Opcode.TEXT, payload, isFinal: false },
  ];
  return webSocketFrame(random, random.pick(broken));
}
