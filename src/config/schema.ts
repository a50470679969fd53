import * as z from 'zod';
import { kafka } from './kafka-settings.ts';
import {
  choice,
  integer,
  numberAbove,
  numberFrom,
  path,
  powerOfTwo,
  secret,
  text,
} from './key-types.ts';

const ANY_TEXT = { pattern: /^[^\0]*$/, expected: 'text', default: '' };

const server = z.strictObject({
  host: text('The address to listen on, or a host name: all its addresses. 0.0.0.0: all of IPv4.', {
    // A name, or at least two colons: an IPv6 address.
    pattern:
      /^(?:[\p{L}\p{N}_][\p{L}\p{N}_.-]*|[\dA-Fa-f.]*:[\dA-Fa-f.]*:[\dA-Fa-f.:]*(?:%\S+)?)$/u,
    expected:
      'an address or a host name without scheme, port (server.port) and brackets, ' +
      'such as 127.0.0.1, ::1, 0.0.0.0 (all of IPv4) or :: (all)',
    default: '127.0.0.1',
  }),
  port: integer('The port for WebSocket and HTTP. 0: any free port.', {
    min: 0,
    max: 65_535,
    default: 9001,
  }),
  transport: choice(
    'uWebSockets.js or plain Node; auto: uws if its binary loads.',
    ['auto', 'uws', 'node'],
    'auto',
  ),
  heartbeatMs: integer('Silence before a heartbeat. Clients give up after 2.5 times as long.', {
    min: 50,
    max: 3_600_000,
    default: 5_000,
    unit: 'ms',
  }),
  authTimeoutMs: integer('Time for a connection to authenticate, if tokens are required.', {
    min: 100,
    max: 600_000,
    default: 5_000,
    unit: 'ms',
  }),
  frameBytesMax: integer('The largest WebSocket message; a larger one ends its connection.', {
    min: 1_024,
    max: 67_108_864,
    default: 1_048_576,
    unit: 'bytes',
  }),
  badFramesMax: integer('Malformed frames before a session is closed.', {
    min: 1,
    max: 65_536,
    default: 16,
    unit: 'frames',
  }),
  preStopMs: integer(
    'At a stop, how long /readyz is 503 while clients are still served: load balancers notice.',
    { min: 0, max: 600_000, default: 0, unit: 'ms' },
  ),
  drainMs: integer('The longest graceful stop; then the remaining connections are cut.', {
    min: 0,
    max: 4_900,
    default: 4_000,
    unit: 'ms',
  }),
  goawayJitterMs: integer('At a stop, clients reconnect after a random delay up to this.', {
    min: 0,
    max: 600_000,
    default: 5_000,
    unit: 'ms',
  }),
  allowedOrigins: text("Origins whose pages may connect, besides the server's own. *: any.", {
    pattern: /^(\*|https?:\/\/[^\s/,]+(,https?:\/\/[^\s/,]+)*)?$/,
    expected: 'origins such as https://app.example.com, separated by commas; or *',
    default: '',
  }),
  allowPlaintext: choice('Whether to listen beyond loopback without TLS.', ['no', 'yes'], 'no'),
  allowAnonymous: choice(
    'Whether to listen beyond loopback without requiring tokens.',
    ['no', 'yes'],
    'no',
  ),
});

const auth = z.strictObject({
  jwtSecret: secret('The secret of HS256 tokens. If set, tokens are required.', {
    pattern: /^(.{32,})?$/s,
    expected: 'at least 32 characters',
  }),
  keysFile: path(
    'A JWKS or PEM file of public keys (RS256, ES256, EdDSA). If set, tokens are required.',
  ),
  jwksUrl: text('The URL of the JWKS. If set, tokens are required.', {
    pattern: /^(https:\/\/\S+|http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?(\/\S*)?)?$/,
    expected: 'an https URL; http for loopback only',
    default: '',
  }),
  apiKeysFile: path(
    'A file of hashed API keys and their permissions. If set, tokens are required.',
  ),
  issuer: text('The required issuer of tokens. Empty: any.', ANY_TEXT),
  audience: text('The required audience of tokens. Empty: any.', ANY_TEXT),
  clockToleranceMs: integer('Tolerated clock skew of issuers.', {
    min: 0,
    max: 600_000,
    default: 5_000,
    unit: 'ms',
  }),
  metrics: choice(
    'Whether /metrics requires a token, if tokens are required.',
    ['token', 'open'],
    'token',
  ),
  health: choice(
    'Whether /healthz and /readyz require a token, if tokens are required.',
    ['token', 'open'],
    'open',
  ),
});

const tls = z.strictObject({
  certificateFile: path('The certificate chain, PEM; reloaded on SIGHUP. Empty: no TLS.'),
  keyFile: path('The private key of the certificate, PEM; reloaded on SIGHUP.'),
});

const limits = z.strictObject({
  connectionsMax: integer('WebSocket connections in total.', {
    min: 1,
    max: 1_048_576,
    default: 65_536,
  }),
  connectionsPerAddressMax: integer('WebSocket connections per address.', {
    min: 1,
    max: 1_048_576,
    default: 16_384,
  }),
  connectionsPerTokenMax: integer('WebSocket connections per token; a token may set less.', {
    min: 1,
    max: 1_048_576,
    default: 16_384,
  }),
  upgradesPerSecond: integer('New WebSocket connections per address and second.', {
    min: 1,
    max: 1_000_000,
    default: 5_000,
  }),
  ticksPerSecond: integer('Ticks per publisher and second; a token may set less.', {
    min: 1,
    max: 1_000_000_000,
    default: 10_000_000,
    unit: 'ticks',
  }),
  requestsPerSecond: integer(
    'SUBSCRIBE, UNSUBSCRIBE, VERIFY and HISTORY per session and second; a token may set less.',
    { min: 1, max: 1_000_000, default: 2_000 },
  ),
  httpRequestsPerSecond: integer('HTTP requests per address and second.', {
    min: 1,
    max: 1_000_000,
    default: 20_000,
  }),
  wildcardsPerSession: integer('Patterns with * per session.', {
    min: 1,
    max: 65_536,
    default: 256,
    unit: 'subscriptions',
  }),
  newSymbolsPerPublisher: integer('New symbols per publisher. 0: up to processing.maxSymbols.', {
    min: 0,
    max: 4_194_304,
    default: 0,
    unit: 'symbols',
  }),
  symbolIdleDays: numberFrom(
    'A symbol without a tick for so long is retired. Fractions are allowed. 0: never.',
    { min: 0, max: 36_500, default: 0, unit: 'days' },
  ),
  symbolsPerTenant: integer('Symbols per tenant. 0: up to processing.maxSymbols.', {
    min: 0,
    max: 4_194_304,
    default: 0,
    unit: 'symbols',
  }),
  sessionBytesMax: integer('Bytes waiting in the buffers of all sockets together.', {
    min: 1_048_576,
    max: 1_099_511_627_776,
    default: 1_073_741_824,
    unit: 'bytes',
  }),
  bodyBytesMax: integer('The largest HTTP body.', {
    min: 1_024,
    max: 67_108_864,
    default: 1_048_576,
    unit: 'bytes',
  }),
  jsonDepthMax: integer('Nesting depth of JSON.', {
    min: 2,
    max: 1_024,
    default: 32,
  }),
  httpHeaderMs: integer('Time for the head of an HTTP request to arrive.', {
    min: 100,
    max: 600_000,
    default: 10_000,
    unit: 'ms',
  }),
  httpIdleMs: integer('Idle time of an HTTP connection between requests.', {
    min: 100,
    max: 600_000,
    default: 10_000,
    unit: 'ms',
  }),
});

const processing = z.strictObject({
  partitions: integer(
    'Worker threads that process ticks. 0: as many as usable processors, at most 16.',
    {
      min: 0,
      max: 256,
      default: 0,
    },
  ),
  channelCapacity: powerOfTwo('Capacity of the queue of each partition.', {
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
  movingAverageWindow: integer('Ticks of a symbol in its moving average.', {
    min: 1,
    max: 65_536,
    default: 64,
    unit: 'ticks',
  }),
  anomalyThresholdPercent: numberAbove(
    'A larger price move within the sliding window, up or down, is an anomaly.',
    { bound: 0, default: 2, unit: 'percent' },
  ),
  anomalyRule: choice(
    'Whether moves beyond the threshold are anomalies; off: none are.',
    ['on', 'off'],
    'on',
  ),
  slidingWindowMilliseconds: integer('Length of the sliding window of the anomaly rule.', {
    min: 1,
    max: 86_400_000,
    default: 1_000,
    unit: 'ms',
  }),
  windowCapacity: powerOfTwo('Largest capacity of each of the two deques of a sliding window.', {
    min: 16,
    max: 16_777_216,
    default: 65_536,
    unit: 'ticks',
  }),
  windowBytesMax: integer(
    'Memory of each partition for sliding windows, committed as they grow; docs/SEMANTICS.md.',
    { min: 65_536, max: 8_589_934_592, default: 268_435_456, unit: 'bytes' },
  ),
  maxSymbols: integer('Symbols the server holds; ticks of further ones are rejected.', {
    min: 1,
    max: 4_194_304,
    default: 65_536,
    unit: 'symbols',
  }),
  maxFutureMs: integer('How far a tick may be ahead of the server clock.', {
    min: 0,
    max: 31_536_000_000,
    default: 5_000,
    unit: 'ms',
  }),
  maxPastMs: integer(
    'How far a tick may be behind the server clock: catches seconds sent for ms. 0: any time.',
    { min: 0, max: 31_536_000_000_000, default: 0, unit: 'ms' },
  ),
  lateTicks: choice(
    "Ticks older than their symbol's newest: no part in detection, or entered into its window.",
    ['ignore', 'fold'],
    'ignore',
  ),
  allowedLatenessMs: integer(
    'How long detection, not statistics, waits for earlier ticks of a symbol. 0: not at all.',
    { min: 0, max: 600_000, default: 0, unit: 'ms' },
  ),
  reorderTicks: integer('Ticks of a symbol that may wait; the oldest of more is judged early.', {
    min: 1,
    max: 65_536,
    default: 256,
    unit: 'ticks',
  }),
});

const rules = z.strictObject({
  file: path('A JSON file of rules that raise alerts; reloaded on SIGHUP. Empty: no rules.'),
});

const stream = z.strictObject({
  conflateMs: integer(
    'Minimum time between two statistics frames, unless the session sets one. 0: none.',
    { min: 0, max: 60_000, default: 0, unit: 'ms' },
  ),
  latency: choice(
    'Deliver at once, or save processor time by batching: while there is time to spare, or always.',
    ['low', 'balanced', 'cheap'],
    'balanced',
  ),
  subscriptionsMax: integer('Subscriptions per session.', {
    min: 1,
    max: 4_194_304,
    default: 10_000,
    unit: 'subscriptions',
  }),
  socketBufferBytesMax: integer(
    'While its socket buffers more than this, a session gets nothing new.',
    { min: 1_024, max: 1_073_741_824, default: 262_144, unit: 'bytes' },
  ),
  latencyTargetMs: integer(
    'A WebSocket session has no more in flight than its client reads in this time. 0: no limit.',
    { min: 0, max: 60_000, default: 250, unit: 'ms' },
  ),
  slowSessionCloseMs: integer('A session is closed if its socket accepts nothing for this long.', {
    min: 100,
    max: 86_400_000,
    default: 60_000,
    unit: 'ms',
  }),
  recentAnomaliesPerSymbol: integer('Anomalies kept in memory per symbol.', {
    min: 1,
    max: 65_536,
    default: 64,
    unit: 'anomalies',
  }),
});

const publish = z.strictObject({
  ticksPerFrameMax: integer('Ticks per frame of a publisher.', {
    min: 1,
    max: 1_048_576,
    default: 65_536,
    unit: 'ticks',
  }),
  acknowledge: choice(
    'Acknowledge frames of named publishers once queued, or once on disk.',
    ['accepted', 'durable'],
    'accepted',
  ),
});

const store = z.strictObject({
  directory: text('Where anomalies and snapshots are kept; created if missing. Empty: no store.', {
    pattern: /^[^\0]*$/,
    expected: 'a path',
    default: './data',
  }),
  mode: choice(
    'Deliver while ticks are written to disk (async), or nothing before they are (sync).',
    ['async', 'sync'],
    'async',
  ),
  snapshotIntervalMs: integer(
    'Time between two snapshots of all statistics: a start replays the ticks since. 0: at a stop.',
    { min: 0, max: 86_400_000, default: 10_000, unit: 'ms' },
  ),
  retentionDays: integer('Anomalies that arrived earlier are removed. 0: never.', {
    min: 0,
    max: 36_500,
    default: 30,
    unit: 'days',
  }),
  retentionPerSymbol: integer('Newest anomalies kept per symbol, or up to 64 more. 0: all.', {
    min: 0,
    max: 1_000_000_000,
    default: 100_000,
  }),
});

const journal = z.strictObject({
  syncMs: integer(
    'Accepted ticks are on disk after this time: what a power loss may take. 0: each write is.',
    { min: 0, max: 10_000, default: 10, unit: 'ms' },
  ),
  retentionHours: numberFrom(
    'Ticks that no start needs are kept for so long, for replays and charts. 0: at any age.',
    { min: 0, max: 876_000, default: 0, unit: 'hours' },
  ),
  retentionBytes: integer(
    'And up to this size of the journal. 0: only what a start needs is kept.',
    { min: 0, max: 1_125_899_906_842_624, default: 1_073_741_824, unit: 'bytes' },
  ),
});

const cluster = z.strictObject({
  role: choice(
    'Its part in a cluster: clients (edge), shards (owner), both (all). none: it is alone.',
    ['none', 'edge', 'owner', 'all'],
    'none',
  ),
  servers: text('The NATS servers of the cluster, 2.12 or newer, with JetStream.', {
    pattern: /^((nats|tls):\/\/[^\s,/]+(,(nats|tls):\/\/[^\s,/]+)*)?$/,
    expected: 'addresses such as nats://10.0.0.1:4222, separated by commas',
    default: '',
  }),
  credentialsFile: path('A NATS credentials file (.creds). Empty: none.'),
  tlsCaFile: path('The authority of the NATS servers, PEM. Empty: those of the system.'),
  name: text('Its name: several clusters can share NATS servers.', {
    pattern: /^[A-Za-z0-9_-]{1,32}$/,
    expected: '1 to 32 characters of A-Z a-z 0-9 _ -',
    default: 'tickwire',
  }),
  shards: integer('Parts that symbols are divided into; fixed at its first start.', {
    min: 1,
    max: 4_096,
    default: 256,
    unit: 'shards',
  }),
  replicas: integer('NATS servers that keep each log; fixed at its first start.', {
    min: 1,
    max: 5,
    default: 3,
  }),
  leaseMs: integer('A member not heard of for so long loses its shards.', {
    min: 1_000,
    max: 600_000,
    default: 10_000,
    unit: 'ms',
  }),
});

const telemetry = z.strictObject({
  otlpEndpoint: text('An OpenTelemetry collector, which gets traces and metrics. Empty: none.', {
    pattern: /^(https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?)?$/,
    expected: 'an http or https URL without query, such as http://127.0.0.1:4318',
    default: '',
  }),
  headers: secret('Headers of the requests to it, such as authorization=Bearer TOKEN.', {
    pattern: /^([\w-]+=[ -+\--~]+(, ?[\w-]+=[ -+\--~]+)*)?$/,
    expected: 'name=value, separated by commas',
  }),
  sampleRate: numberFrom(
    'Part of HTTP requests and upgrades traced, unless their traceparent decides. 0: no traces.',
    { min: 0, max: 1, default: 0.1 },
  ),
  metricsIntervalMs: integer('Time between two exports of all metrics. 0: none.', {
    min: 0,
    max: 3_600_000,
    default: 60_000,
    unit: 'ms',
  }),
});

const log = z.strictObject({
  level: choice(
    'The least severe lines to write.',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
  ),
  format: choice(
    'One JSON object a line, or human-readable; auto: pretty on a terminal, else json.',
    ['auto', 'json', 'pretty'],
    'auto',
  ),
});

/** Every key: its type, default and range. The only place that knows them. */
export const configSchema = z.strictObject({
  server,
  auth,
  tls,
  limits,
  processing,
  rules,
  stream,
  publish,
  store,
  journal,
  cluster,
  kafka,
  telemetry,
  log,
});

type Sections = z.output<typeof configSchema>;

/** The configuration of a server. Every key is present; frozen. */
export type Config = { readonly [Section in keyof Sections]: Readonly<Sections[Section]> };

/** A partial configuration. Absent and undefined keys have their defaults. */
export type ConfigInput = {
  readonly [Section in keyof Config]?:
    | { readonly [Key in keyof Config[Section]]?: Config[Section][Key] | undefined }
    | undefined;
};
