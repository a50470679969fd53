import { PUBLISH_PATH } from '../../../src/protocol/index.ts';
import { type ConnectOptions, endpointUrl } from '../connection/connect-options.ts';
import { TIMER_MS_MAX } from '../connection/connection.ts';
import type { SenderOptions } from './frame-sender.ts';
import type { IntakeOptions } from './intake.ts';
import { checkNumber, checkType, fault, type NumberRange } from './value-checks.ts';

/** Connection, batching and buffering of a publisher. */
export interface PublisherOptions extends ConnectOptions {
  /**
   * The publisher's name, by which the server remembers its progress: 1 to 64 letters,
   * digits, dots, underscores or hyphens. Default: a random name. Only one publisher can use a name
   * at a time: a newer one takes it over.
   */
  readonly publisher?: string;
  /** A batch of this size is sent at once, 1 to 1 048 576 ticks; default 1024. */
  readonly batchTicksMax?: number;
  /**
   * Longest time that a tick waits for others, 0 to 60 000 ms; default 1. 0: until the current
   * microtasks have run.
   */
  readonly batchDelayMs?: number;
  /**
   * Most ticks taken and not yet acknowledged, 1 to 16 777 216; default 65 536, which take 1.3 MB.
   * Beyond that, `publish` throws.
   */
  readonly bufferTicksMax?: number;
  /**
   * Nothing is sent while the socket buffers this many bytes, 1 byte or more; default 4 194 304
   * bytes.
   */
  readonly bufferedBytesMax?: number;
}

/** Validated options with defaults filled in. */
export interface PublisherSettings {
  readonly url: string;
  readonly name: string;
  readonly connect: ConnectOptions;
  readonly sender: SenderOptions;
  readonly intake: IntakeOptions;
  readonly signal: AbortSignal | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const NAME_RULE = '1 to 64 characters of A-Z a-z 0-9 . _ -';
const RANDOM_NAME_BYTES = 12;

const { POSITIVE_INFINITY } = Number;

const RANGES: { readonly [name: string]: NumberRange } = {
  connectTimeoutMs: { min: 1, max: TIMER_MS_MAX, unit: 'ms' },
  giveUpAfterMs: { min: 0, max: POSITIVE_INFINITY, unit: 'ms' },
  batchTicksMax: { min: 1, max: 1_048_576, unit: 'ticks', isInteger: true },
  batchDelayMs: { min: 0, max: 60_000, unit: 'ms' },
  bufferTicksMax: { min: 1, max: 16_777_216, unit: 'ticks', isInteger: true },
  bufferedBytesMax: { min: 1, max: POSITIVE_INFINITY, unit: 'bytes' },
};

/**
 * Validates a URL and options, and fills in defaults.
 *
 * @throws TypeError or RangeError that names the option, what was expected, and what was given
 */
export function settle(server: string | URL, options: PublisherOptions): PublisherSettings {
  check(options);
  const { publisher: name = randomName(), encoding = 'binary', signal } = options;
  const { batchTicksMax = 1024, batchDelayMs = 1 } = options;
  const { bufferTicksMax = 65_536, bufferedBytesMax = 4_194_304 } = options;
  const url = endpointUrl(server, PUBLISH_PATH);
  url.searchParams.set('publisher', name);
  return {
    url: url.href,
    name,
    connect: options,
    sender: { encoding, batchTicksMax, bufferedBytesMax },
    intake: { batchTicksMax, batchDelayMs, bufferTicksMax },
    signal,
  };
}

function check(options: PublisherOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const range = RANGES[name];
    if (range !== undefined && value !== undefined) checkNumber(`options.${name}`, value, range);
  }
  const { publisher, encoding, token, WebSocket, signal } = options;
  if (publisher !== undefined && !(typeof publisher === 'string' && NAME.test(publisher))) {
    throw new TypeError(fault('options.publisher', NAME_RULE, publisher));
  }
  if (encoding !== undefined && encoding !== 'binary' && encoding !== 'json') {
    throw new TypeError(fault('options.encoding', '"binary" or "json"', encoding));
  }
  checkType('options.token', token, ['string', 'function']);
  checkType('options.WebSocket', WebSocket, ['function']);
  checkType('options.signal', signal, ['object']);
}

function randomName(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(RANDOM_NAME_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
