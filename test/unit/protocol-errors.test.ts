import { describe, expect, it } from 'vitest';
import {
  CloseCode,
  ErrorCode,
  type ErrorName,
  errorFrame,
  errorName,
  isReconnectable,
  isRetryable,
  ProtocolError,
} from '../../src/protocol/index.ts';

describe('error codes', () => {
  it('are numbered from 1 without a gap, and know their names', () => {
    const codes = Object.values(ErrorCode);
    expect(codes).toEqual(codes.map((_code, index) => index + 1));
    for (const [name, code] of Object.entries(ErrorCode)) expect(errorName(code)).toBe(name);
    expect([0, 16, -1, 1.5].map(errorName)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('are retryable where the same request may succeed later', () => {
    const retryable = Object.entries(ErrorCode).filter(([, code]) => isRetryable(code));
    expect(retryable.map(([name]) => name as ErrorName)).toEqual([
      'unknown_alias',
      'rate_limited',
      'backpressure',
      'sequence_gap',
      'not_available',
      'internal',
    ]);
  });
});

describe('close codes', () => {
  it('tell by their number whether to reconnect, except for a takeover', () => {
    for (const code of Object.values(CloseCode)) {
      expect(isReconnectable(code)).toBe(code < 4500 && code !== CloseCode.TAKEN_OVER);
    }
  });

  it('of others mean: reconnect, up to 4499 and from 5000', () => {
    expect([1000, 1001, 1006, 1009, 4000, 4499].every(isReconnectable)).toBe(true);
    expect([4500, 4502, 4999].some(isReconnectable)).toBe(false);
  });
});

describe('errorFrame', () => {
  it('carries the request, the code, and whether to retry', () => {
    const error = new ProtocolError(ErrorCode.backpressure, 'beyond credit', 5);
    expect(errorFrame(error, 100)).toEqual([30, 5, 12, 'beyond credit', true, 100]);
    expect(errorFrame(new ProtocolError(ErrorCode.bad_frame, 'no'))).toEqual([
      30,
      null,
      1,
      'no',
      false,
      null,
    ]);
  });
});
