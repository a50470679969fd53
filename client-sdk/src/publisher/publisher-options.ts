import { PUBLISH_PATH } from '../../../src/protocol/index.ts';
import {
  CONNECT_RULES,
  type ConnectOptions,
  endpointUrls,
  type ServerUrl,
} from '../connection/connect-options.ts';
import { checkOptions, fault, type Rules } from '../value-checks.ts';
import type { SenderOptions } from './frame-sender.ts';
import type { IntakeOptions } from './intake.ts';

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
  readonly urls: string[];
  readonly name: string;
  readonly connect: ConnectOptions;
  readonly sender: SenderOptions;
  readonly intake: IntakeOptions;
  readonly signal: AbortSignal | undefined;
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const NAME_RULE = '1 to 64 characters of A-Z a-z 0-9 . _ -';
const RANDOM_NAME_BYTES = 12;

const RULES: Rules<Omit<PublisherOptions, keyof ConnectOptions>> = {
  publisher: (name, value) => {
    if (typeof value === 'string' && NAME.test(value)) return;
    throw new TypeError(fault(name, NAME_RULE, value));
  },
  batchTicksMax: { min: 1, max: 1_048_576, unit: 'ticks', isInteger: true },
  batchDelayMs: { min: 0, max: 60_000, unit: 'ms' },
  bufferTicksMax: { min: 1, max: 16_777_216, unit: 'ticks', isInteger: true },
  bufferedBytesMax: { min: 1, unit: 'bytes' },
};

/**
 * Validates a URL and options, and fills in defaults.
 *
 * @throws TypeError or RangeError that names the option, what was expected, and what was given
 */
export function settle(servers: ServerUrl, options: PublisherOptions): PublisherSettings {
  checkOptions(options, { ...CONNECT_RULES, ...RULES });
  const { publisher: name = randomName(), encoding = 'binary', signal } = options;
  const { batchTicksMax = 1024, batchDelayMs = 1 } = options;
  const { bufferTicksMax = 65_536, bufferedBytesMax = 4_194_304 } = options;
  return {
    urls: endpointUrls(servers, PUBLISH_PATH, `publisher=${name}`),
    name,
    connect: options,
    sender: { encoding, batchTicksMax, bufferedBytesMax },
    intake: { batchTicksMax, batchDelayMs, bufferTicksMax },
    signal,
  };
}

function randomName(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(RANDOM_NAME_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
