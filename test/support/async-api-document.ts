import * as z from 'zod';

type Json = Readonly<Record<string, unknown>>;
type Ref = { readonly $ref: string };

interface Message {
  readonly name: string;
  readonly payload: Json;
  readonly examples: readonly { readonly payload: readonly unknown[] }[];
}

interface Operation {
  readonly action: 'send' | 'receive';
  readonly channel: Ref;
  readonly messages: readonly Ref[];
  readonly reply?: { readonly channel: Ref; readonly messages: readonly Ref[] };
}

interface Channel {
  readonly address: string;
  readonly messages: Readonly<Record<string, Ref>>;
}

interface Document {
  readonly info: { readonly version: string; readonly description: string };
  readonly servers: Readonly<Record<string, Json>>;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
  readonly 'x-error-codes': readonly Json[];
  readonly 'x-close-codes': readonly Json[];
}

/** Direction of a frame from the server's view: `send` or `receive`. */
export type Direction = Operation['action'];

/** A message's op: the constant first element of its frames. */
export function opOf({ payload }: Message): number {
  const [first] = payload.items as readonly Json[];
  return first?.const as number;
}

/** An AsyncAPI document to check frames against, using its schemas as readers do. */
export class AsyncApiDocument {
  readonly document: Document;
  readonly #schemas = new Map<Json, z.ZodType>();

  /** @param document parsed JSON as served */
  constructor(document: unknown) {
    this.document = document as Document;
  }

  /** An endpoint's messages in one direction, with replies. */
  messages(address: string, direction: Direction): ReadonlyMap<string, Message> {
    const found = new Map<string, Message>();
    for (const { action, channel, messages, reply } of Object.values(this.document.operations)) {
      if ((this.#follow(channel) as Channel).address !== address) continue;
      const replies = direction === 'send' ? (reply?.messages ?? []) : [];
      for (const { $ref } of [...(action === direction ? messages : []), ...replies]) {
        const message = this.#follow(this.#follow({ $ref }) as Ref) as Message;
        found.set($ref.split('/').at(-1) as string, message);
      }
    }
    return found;
  }

  /** The frame's first fault; undefined if it is one of the endpoint's messages. */
  fault(address: string, direction: Direction, frame: readonly unknown[]): string | undefined {
    const messages = [...this.messages(address, direction).values()];
    const message = messages.find((candidate) => opOf(candidate) === frame[0]);
    if (message === undefined)
      return `${direction} on ${address}: op ${String(frame[0])} is not described`;
    return this.payloadFault(exact(message.payload) as Json, frame);
  }

  /** How a frame breaks a schema. */
  payloadFault(schema: Json, frame: readonly unknown[]): string | undefined {
    let compiled = this.#schemas.get(schema);
    if (compiled === undefined) {
      compiled = z.fromJSONSchema(schema, { defaultTarget: 'draft-7' });
      this.#schemas.set(schema, compiled);
    }
    return compiled.safeParse(frame).error?.message;
  }

  #follow({ $ref }: Ref): unknown {
    let value: unknown = this.document;
    for (const key of $ref.replace('#/', '').split('/')) value = (value as Json)[key];
    if (value === undefined) throw new Error(`${$ref} leads nowhere`);
    return value;
  }
}

/** The schema closed to unnamed elements and keys: today's server sends none. */
function exact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, exact(inner)]),
  );
  if (Array.isArray(schema.items)) return { ...schema, additionalItems: false };
  return 'properties' in schema ? { ...schema, additionalProperties: false } : schema;
}
