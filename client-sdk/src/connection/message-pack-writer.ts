import { ByteWriter } from '../../../src/protocol/index.ts';

/** A value that frames of clients are made of. */
export type FrameValue =
  | null
  | boolean
  | number
  | string
  | readonly FrameValue[]
  | { readonly [key: string]: FrameValue };

const writer = new ByteWriter(1024);

/** A value as MessagePack, in bytes that belong to the caller. */
export function writeMessagePack(value: FrameValue): Uint8Array<ArrayBuffer> {
  writer.reset();
  write(value);
  return new Uint8Array(writer.view());
}

function write(value: FrameValue): void {
  if (typeof value === 'number') writer.number(value);
  else if (typeof value === 'string') writer.text(value);
  else if (typeof value === 'boolean') writer.boolean(value);
  else if (value === null) writer.nil();
  else if (isArray(value)) {
    writer.arrayHeader(value.length);
    for (const element of value) write(element);
  } else {
    const entries = Object.entries(value);
    writer.mapHeader(entries.length);
    for (const [key, inner] of entries) {
      writer.text(key);
      write(inner);
    }
  }
}

// Array.isArray does not narrow a readonly array.
function isArray(value: object): value is readonly FrameValue[] {
  return Array.isArray(value);
}
