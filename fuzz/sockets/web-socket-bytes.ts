import type { Random } from '../../testkit/random.ts';
import { encodeWebSocketFrame, type FrameParts, Opcode } from '../../testkit/web-socket.ts';

/** A frame of a client, masked unless told otherwise. */
function clientFrame(random: Random, parts: FrameParts, isMasked = true): Buffer {
  return encodeWebSocketFrame({ ...parts, mask: isMasked ? random.uint32() : undefined });
}

/** A message in one frame or in several, with control frames between them now and then. */
export function message(random: Random, opcode: number, payload: Uint8Array): Buffer {
  if (random.chance(0.8)) return clientFrame(random, { opcode, payload });
  const parts: Buffer[] = [];
  for (let at = 0, isLast = false; !isLast; ) {
    const end = Math.min(payload.length, at + random.below(payload.length + 2));
    isLast = end === payload.length && random.chance(0.7);
    const first = at === 0 && parts.length === 0;
    const piece = payload.subarray(at, end);
    parts.push(
      clientFrame(random, {
        opcode: first ? opcode : Opcode.CONTINUATION,
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
  return clientFrame(random, { opcode: random.pick([Opcode.PING, Opcode.PONG]), payload });
}

/** What no client may send. */
export function brokenFrame(random: Random): Buffer {
  const payload = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
  const huge = random.pick([2 ** 16, 2 ** 20 + 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53]);
  const broken: readonly FrameParts[] = [
    // Not masked.
    { opcode: Opcode.BINARY, payload },
    { opcode: Opcode.BINARY, payload, reserved: random.between(1, 7) },
    { opcode: random.between(3, 7), payload },
    { opcode: random.between(11, 15), payload },
    { opcode: Opcode.CONTINUATION, payload },
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
  const parts = random.pick(broken);
  return clientFrame(random, parts, parts !== broken[0]);
}
