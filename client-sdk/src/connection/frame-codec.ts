import type { Encoding, Frame } from '../../../src/protocol/index.ts';
import { readMessagePack } from './message-pack-reader.ts';
import { type FrameValue, writeMessagePack } from './message-pack-writer.ts';

export type { FrameValue };

/** A frame of the client: the op, then what the op needs. */
export type ClientFrame = readonly [op: number, ...rest: FrameValue[]];

/** A frame as one WebSocket message. */
export function encodeClientFrame(
  frame: ClientFrame,
  encoding: Encoding,
): Uint8Array<ArrayBuffer> | string {
  return encoding === 'json' ? JSON.stringify(frame) : writeMessagePack(frame);
}

/**
 * The frame in a message of the server. MessagePack maps come as `Map`, JSON objects as objects.
 *
 * @throws Error for what is no frame
 */
export function decodeServerFrame(message: ArrayBuffer | Uint8Array | string): Frame {
  const value =
    typeof message === 'string' ? JSON.parse(message) : readMessagePack(bytesOf(message));
  if (!Array.isArray(value) || typeof value[0] !== 'number') throw new RangeError('not a frame');
  return value as unknown as Frame;
}

function bytesOf(message: ArrayBuffer | Uint8Array): Uint8Array {
  return message instanceof ArrayBuffer ? new Uint8Array(message) : message;
}
