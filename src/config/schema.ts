import * as z from 'zod';
import { choice, integer, numberAbove, path, powerOfTwo, secret, text } from './key-types.ts';

const ANY_TEXT = { pattern: /^[^\0]*$/, expected: 'a text', default: '' };

const server = z.strictObject({
  host: text('The address to listen on. 0.0.0.0 takes connections from everywhere.', {
    pattern: /^[^\s/]+$/,
    expected: 'an address or a host name',
    default: '127.0.0.1',
  }),
  port: integer('The port of WebSocket and HTTP alike. 0 takes any free one.', {
    min: 0,
    max: 65_535,
    default: 9001,
  }),
  transport: choice(
    'What serves the sockets: uWebSockets.js or plain Node; auto takes uws where it loads.',
    ['auto', 'uws', 'node'],
    'auto',
  ),
  heartbeatMs: integer(
    'A heartbeat follows this long a silence. Clients give up after one 2.5 times as long.',
    { min: 50, max: 3_600_000, default: 5_000, unit: 'ms' },
  ),
  authTimeoutMs: integer(
    'How long a connection may take to authenticate, where tokens are demanded.',
    { min: 100, max: 600_000, default: 5_000, unit: 'ms' },
  ),
  frameBytesMax: integer('The largest WebSocket message taken; a larger one ends its connection.', {
    min: 1_024,
    max: 67_108_864,
    default: 1_048_576,
    unit: 'bytes',
  }),
  badFramesMax: integer('A session is closed after this many frames that cannot be read.', {
    min: 1,
    max: 65_536,
    default: 16,
    unit: 'frames',
  }),
  drainMs: integer('The longest graceful stop: connections left after it are cut.', {
    min: 0,
    max: 4_900,
    default: 4_000,
    unit: 'ms',
  }),
  goawayJitterMs: integer(
    'At a stop, clients are told to reconnect after a random time of up to this long.',
    { min: 0, max: 600_000, default: 5_000, unit: 'ms' },
  ),
  allowedOrigins: text(
    "Pages of these origins may connect and call, beside the server's own. * means any page.",
    {
      pattern: /^(\*|https?:\/\/[^\s/,]+(,https?:\/\/[^\s/,]+)*)?$/,
      expected: 'origins such as https://app.example.com, separated by commas; or *',
      default: '',
    },
  ),
  allowPlaintext: choice(
    'Whether an address that is not of this machine may be listened on without TLS.',
    ['no', 'yes'],
    'no',
  ),
  allowAnonymous: choice(
    'Whether an address that is not of this machine may be listened on without demanding tokens.',
    ['no', 'yes'],
    'no',
  ),
});

const auth = z.strictObject({
  jwtSecret: secret('The secret of tokens signed with HS256; naming it demands tokens.', {
    pattern: /^(.{32,})?$/s,
    expected: 'at least 32 characters',
  }),
  keysFile: path(
    'Public keys of signed tokens (RS256, ES256, EdDSA): a JWKS or PEM file; naming it demands tokens.',
  ),
  jwksUrl: text('Where the JWKS of the tokens is served; naming it demands tokens.', {
    pattern: /^(https:\/\/\S+|http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?(\/\S*)?)?$/,
    expected: 'an https URL; http only of this machine',
    default: '',
  }),
  apiKeysFile: path('Hashed API keys and what each allows; naming it demands tokens.'),
  issuer: text('The issuer that tokens must name. Empty: any.', ANY_TEXT),
  audience: text('The audience that tokens must name. Empty: any.', ANY_TEXT),
  clockToleranceMs: integer('How far clocks of issuers may be off.', {
    min: 0,
    max: 600_000,
    default: 5_000,
    unit: 'ms',
  }),
  metrics: choice(
    'Whether /metrics demands a token, where tokens are demanded.',
    ['token', 'open'],
    'token',
  ),
  health: choice(
    'Whether /healthz and /readyz demand a token, where tokens are demanded.',
    ['token', 'open'],
    'open',
  ),
});

const tls = z.strictObject({
  certificateFile: path('The certificate chain, PEM; read again at SIGHUP. Empty: no TLS.'),
  keyFile: path('The private key of the certificate, PEM; read again at SIGHUP.'),
});

const limits = z.strictObject({
  connectionsMax: integer('WebSocket connections in total.', {
    min: 1,
    max: 1_048_576,
    default: 65_536,
  }),
  connectionsPerAddressMax: integer('WebSocket connections of one address.', {
    min: 1,
    max: 1_048_576,
    default: 16_384,
  }),
  connectionsPerTokenMax: integer('WebSocket connections of one token; a token may say less.', {
    min: 1,
    max: 1_048_576,
    default: 16_384,
  }),
  upgradesPerSecond: integer('New WebSocket connections of one address a second.', {
    min: 1,
    max: 1_000_000,
    default: 5_000,
  }),
  ticksPerSecond: integer('Ticks that one publisher may send a second; a token may say less.', {
    min: 1,
    max: 1_000_000_000,
    default: 10_000_000,
    unit: 'ticks',
  }),
  requestsPerSecond: integer(
    'SUBSCRIBE, UNSUBSCRIBE, VERIFY and HISTORY of one session a second; a token may say less.',
    { min: 1, max: 1_000_000, default: 2_000 },
  ),
  httpRequestsPerSecond: integer('HTTP requests of one address a second.', {
    min: 1,
    max: 1_000_000,
    default: 20_000,
  }),
  wildcardsPerSession: integer('Patterns with a * that a session may hold.', {
    min: 1,
    max: 65_536,
    default: 256,
    unit: 'subscriptions',
  }),
  newSymbolsPerPublisher: integer('Symbols that one publisher may bring into being.', {
    min: 1,
    max: 4_194_304,
    default: 60_000,
    unit: 'symbols',
  }),
  symbolsPerTenant: integer('Symbols of one tenant.', {
    min: 1,
    max: 4_194_304,
    default: 65_536,
    unit: 'symbols',
  }),
  sessionBytesMax: integer('What may wait in the buffers of all sockets together.', {
    min: 1_048_576,
    max: 1_099_511_627_776,
    default: 1_073_741_824,
    unit: 'bytes',
  }),
  bodyBytesMax: integer('The largest HTTP body taken.', {
    min: 1_024,
    max: 67_108_864,
    default: 1_048_576,
    unit: 'bytes',
  }),
  jsonDepthMax: integer('How deep arrays and objects of JSON may be nested.', {
    min: 2,
    max: 1_024,
    default: 32,
  }),
  httpHeaderMs: integer('How long the head of an HTTP request may take to arrive.', {
    min: 100,
    max: 600_000,
    default: 10_000,
    unit: 'ms',
  }),
  httpIdleMs: integer('How long an HTTP connection may idle between requests.', {
    min: 100,
    max: 600_000,
    default: 10_000,
    unit: 'ms',
  }),
});

const processing = z.strictObject({
  partitions: integer('Worker threads that process ticks. 0 means as many as processors.', {
    min: 0,
    max: 256,
    default: 0,
  }),
  channelCapacity: powerOfTwo('Places in the queue of each partition.', {
    min: 16,
    max: 16_777_216,
    default: 65_536,
    unit: 'ticks',
  }),
  overflow: choice(
    'When a queue is full: drop its oldest tick, drop the newest, or make publishers wait.',
    ['dropOldest', 'dropNewest', 'wait'],
    'dropOldest',
  ),
  movingAverageWindow: integer('The moving average is taken over this many ticks of a symbol.', {
    min: 1,
    max: 65_536,
    default: 64,
    unit: 'ticks',
  }),
  anomalyThresholdPercent: numberAbove(
    'A price that moved by more than this, up or down, inside the sliding window is an anomaly.',
    { bound: 0, default: 2, unit: 'percent' },
  ),
  slidingWindowMilliseconds: integer(
    'How far back the sliding window of the anomaly rule reaches.',
    {
      min: 1,
      max: 86_400_000,
      default: 1_000,
      unit: 'ms',
    },
  ),
  windowCapacity: powerOfTwo(
    'Places that each of the two deques of a sliding window may grow to.',
    { min: 16, max: 16_777_216, default: 65_536, unit: 'ticks' },
  ),
  maxSymbols: integer('Symbols the server holds; ticks of further ones are refused.', {
    min: 1,
    max: 4_194_304,
    default: 65_536,
    unit: 'symbols',
  }),
  maxFutureMs: integer('A tick may be this far ahead of the clock of the server.', {
    min: 0,
    max: 31_536_000_000,
    default: 60_000,
    unit: 'ms',
  }),
});

const stream = z.strictObject({
  conflateMs: integer(
    'Least time between two statistics frames of a session that names none. 0: no pause.',
    { min: 0, max: 60_000, default: 0, unit: 'ms' },
  ),
  subscriptionsMax: integer('Subscriptions a session may hold.', {
    min: 1,
    max: 4_194_304,
    default: 10_000,
    unit: 'subscriptions',
  }),
  socketBufferBytesMax: integer(
    'A session gets nothing new while its socket holds more than this.',
    { min: 1_024, max: 1_073_741_824, default: 262_144, unit: 'bytes' },
  ),
  slowSessionCloseMs: integer(
    'A session is closed whose socket accepts nothing for this long, with something to send.',
    { min: 100, max: 86_400_000, default: 60_000, unit: 'ms' },
  ),
  recentAnomaliesPerSymbol: integer('Anomalies of each symbol that are kept in memory.', {
    min: 1,
    max: 65_536,
    default: 64,
    unit: 'anomalies',
  }),
});

const publish = z.strictObject({
  ticksPerFrameMax: integer('Ticks that one frame of a publisher may hold.', {
    min: 1,
    max: 1_048_576,
    default: 65_536,
    unit: 'ticks',
  }),
  acknowledge: choice(
    'Frames of named publishers are acknowledged when they are queued, or when a snapshot has them.',
    ['accepted', 'durable'],
    'accepted',
  ),
});

const store = z.strictObject({
  directory: text(
    'Where anomalies and snapshots are kept, made if it does not exist. Empty means no store.',
    { pattern: /^[^\0]*$/, expected: 'a path', default: './data' },
  ),
  mode: choice(
    'Anomalies are delivered while they are written (async) or once they are durable (sync).',
    ['async', 'sync'],
    'async',
  ),
  snapshotIntervalMs: integer(
    'Between two snapshots of all statistics: what a crash may lose. 0 means at a stop only.',
    { min: 0, max: 86_400_000, default: 10_000, unit: 'ms' },
  ),
  retentionDays: integer('Anomalies older than this are removed. 0 means never.', {
    min: 0,
    max: 36_500,
    default: 30,
    unit: 'days',
  }),
  retentionPerSymbol: integer('The newest anomalies of a symbol that are kept. 0 means all.', {
    min: 0,
    max: 1_000_000_000,
    default: 100_000,
  }),
});

const log = z.strictObject({
  level: choice(
    'The least important lines that are written.',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
  ),
  format: choice(
    'One JSON object a line, or lines for people; auto is pretty on a terminal and json elsewhere.',
    ['auto', 'json', 'pretty'],
    'auto',
  ),
});

/** Every key there is: its type, default and range. The only place that knows them. */
export const configSchema = z.strictObject({
  server,
  auth,
  tls,
  limits,
  processing,
  stream,
  publish,
  store,
  log,
});

type Sections = z.output<typeof configSchema>;

/** The configuration of a server: every key is present, and nothing of it ever changes. */
export type Config = { readonly [Section in keyof Sections]: Readonly<Sections[Section]> };

/** Some of the configuration: what is absent or undefined has its default. */
export type ConfigInput = {
  readonly [Section in keyof Config]?:
    | { readonly [Key in keyof Config[Section]]?: Config[Section][Key] | undefined }
    | undefined;
};
