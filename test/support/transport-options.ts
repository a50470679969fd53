import type { TransportOptions } from '../../src/gateway/transport/transport.ts';

export const FRAME_BYTES_MAX = 1 << 20;
export const BODY_BYTES_MAX = 64 * 1024;

export const OPTIONS: TransportOptions = {
  host: '127.0.0.1',
  port: 0,
  frameBytesMax: FRAME_BYTES_MAX,
  bodyBytesMax: BODY_BYTES_MAX,
  headMs: 10_000,
  idleMs: 10_000,
  headers: {},
  tls: undefined,
};
