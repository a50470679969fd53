import { encode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import {
  type Endpoint,
  GOOD_FRAMES,
  ODD_VALUES,
  UNREADABLE,
} from '../../testkit/hostile-messages.ts';
import { IndependentClient } from '../../testkit/independent/client.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { Random } from '../../testkit/random.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { UndisturbedStream } from '../support/undisturbed-stream.ts';

const FUZZ_MS = 800;
const BATCH = 50;
/** Expected closes: a sequence gap, too many bad frames, an oversized frame. */
const CLOSE_CODES = [4005, 4501, 1009, 1006];

/** Mutates valid frames: other values, other bytes, parts of others. */
class Fuzzer {
  readonly #random: Random;
  readonly #endpoint: Endpoint;
  readonly #unreadable = Object.values(UNREADABLE);

  constructor(seed: number, endpoint: Endpoint) {
    this.#random = new Random(seed);
    this.#endpoint = endpoint;
  }

  message(): Uint8Array {
    const kind = this.#random.below(5);
    if (kind === 0) return this.#noise(this.#random.below(40));
    const frame = this.#random.pick(
      GOOD_FRAMES[this.#random.below(8) === 0 ? 'stream' : this.#endpoint],
    );
    if (kind === 1) return encode(this.#withOddValues(frame), { maxDepth: 200 });
    const bytes = encode(frame).slice();
    if (kind === 2) return this.#withOddBytes(bytes);
    const cut = this.#random.below(bytes.length + 1);
    const other =
      kind === 3 ? this.#noise(this.#random.below(10)) : this.#random.pick(this.#unreadable);
    return Buffer.concat([bytes.subarray(0, cut), other.subarray(0, 2000), bytes.subarray(cut)]);
  }

  #withOddValues(frame: readonly unknown[]): unknown[] {
    return frame.map((value, place) => {
      if (place > 0 && this.#random.below(3) === 0) return this.#random.pick(ODD_VALUES);
      if (!Array.isArray(value) || this.#random.below(2) === 0) return value;
      return value.map((inner) =>
        this.#random.below(3) === 0 ? this.#random.pick(ODD_VALUES) : inner,
      );
    });
  }

  #withOddBytes(bytes: Uint8Array): Uint8Array {
    for (let i = this.#random.below(4); i >= 0; i--)
      bytes[this.#random.below(bytes.length)] = this.#random.below(256);
    return bytes;
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }
}

onTransports((transport) => {
  const server = serverForSuite({
    server: { transport, badFramesMax: 1000 },
    processing: { maxSymbols: 500 },
  });

  it.each([
    { endpoint: 'publish', seed: 71 },
    { endpoint: 'stream', seed: 72 },
  ] as const)('nothing random on /v1/$endpoint harms anyone (seed $seed)', async (given) => {
    const { endpoint, seed } = given;
    const stream = await UndisturbedStream.start(server.port);
    const fuzzer = new Fuzzer(seed, endpoint);
    const connect = () => IndependentClient.open(server.port, `/v1/${endpoint}`);
    let client = await connect();
    let messages = 0;
    let answers = 0;
    for (const end = performance.now() + FUZZ_MS; performance.now() < end || messages < 500; ) {
      for (let i = 0; i < BATCH && client.closed === undefined; i++, messages++) {
        client.sendRaw(fuzzer.message());
      }
      const stamp = messages + 0.5;
      client.send([Op.PING, stamp]);
      const isAnswered = () => client.of(Op.PONG).some((frame) => frame[1] === stamp);
      await client.until(() => isAnswered() || client.closed !== undefined, 'PONG or the close');
      await stream.check();
      answers += client.of(Op.ERROR).length;
      if (client.closed !== undefined) expect(CLOSE_CODES).toContain(client.closed.code);
      client.close();
      client = await connect();
    }
    client.close();
    expect(answers).toBeGreaterThan(messages / 20);
    await stream.finish();
  });
});
