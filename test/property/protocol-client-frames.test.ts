import { encode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import {
  decodeFrame,
  type Frame,
  ProtocolError,
  readPublishRequest,
  readStreamRequest,
} from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';

const scalar = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null));
const optionKey = fc.constantFrom('stats', 'anomalies', 'conflateMs', 'fields', 'since', 'other');
const options = fc.dictionary(optionKey, fc.oneof(scalar, fc.dictionary(fc.string(), scalar)));
const element = fc.oneof(scalar, fc.array(scalar), options);
const frame = fc.tuple(fc.integer({ min: 0, max: 10 }), fc.array(element, { maxLength: 5 }));

it('reads any frame or throws bad_frame or unknown_op, with the request id where it is one', () => {
  fc.assert(
    fc.property(
      frame,
      fc.constantFrom(readStreamRequest, readPublishRequest),
      ([op, rest], read) => {
        const decoded = decodeFrame(JSON.stringify([op, ...rest]));
        try {
          expect(read(decoded).op).toBe(op);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          expect([1, 2]).toContain(error.code);
          if (error.requestId !== null) expect(error.requestId).toBe(decoded[1]);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

it('reads the same from both encodings', () => {
  const outcome = (given: Frame) => {
    try {
      return readStreamRequest(given);
    } catch (error) {
      return error;
    }
  };
  fc.assert(
    fc.property(frame, ([op, rest]) => {
      const given: unknown[] = JSON.parse(JSON.stringify([op, ...rest]));
      fc.pre(!JSON.stringify(given).includes('__proto__'));
      const fromJson = outcome(decodeFrame(JSON.stringify(given)));
      expect(outcome(decodeFrame(encode(given)))).toEqual(fromJson);
    }),
    { numRuns: 500 },
  );
});
