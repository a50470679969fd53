import { decodeServerFrame } from '../../client-sdk/src/connection/frame-codec.ts';
import {
  decodeFrame,
  readPublishRequest,
  readStreamRequest,
  readTicksFrame,
  TickBatch,
} from '../../src/protocol/index.ts';
import type { Target } from '../engine/target.ts';
import { clientFrame } from '../generate/frames.ts';
import { jsonOf } from '../generate/values.ts';
import { attempt } from './binary-frames.ts';
import { expectSame } from './same.ts';

const TICKS_MAX = 4096;

/** The decoder of JSON frames and the readers of requests. */
export function jsonFrames(): Target {
  const batch = new TickBatch();
  return {
    name: 'json-frames',
    covers: [
      'protocol/codec',
      'protocol/client-frames',
      'protocol/ticks-reader',
      'protocol/tick-batch',
    ],
    dictionary: ['[', ']', '{', '}', '"since":', '1e999', '\\ud800', '"__proto__":', ',', 'null'],
    seeds: () =>
      ['[6,1]', '[4,1,["A"],{"since":{"A":1}}]', '[3,1,["A",1.5,null]]'].map((text) =>
        Buffer.from(text),
      ),
    generate: (random) =>
      Buffer.from(jsonOf(clientFrame(random, random.pick(['publish', 'stream'])))),
    execute: (bytes) => {
      const text = Buffer.from(bytes).toString('utf8');
      const frame = attempt(() => decodeFrame(text));
      if (frame === undefined) return;
      attempt(() => readStreamRequest(frame));
      attempt(() => readPublishRequest(frame));
      attempt(() => readTicksFrame(frame, batch, 0, TICKS_MAX));
      expectSame('SDK', decodeServerFrame(text), frame);
    },
  };
}
