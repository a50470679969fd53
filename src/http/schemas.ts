import * as z from 'zod';
import { REJECTION_REASONS } from '../gateway/ingest/tick-intake.ts';
import { DIRECTION_NAMES, LEVEL_NAMES, PHASE_NAMES, RULE_KINDS } from '../protocol/index.ts';

/**
 * The documents of the HTTP API. The types, the OpenAPI document, and the tests that check real
 * answers against it all derive from here.
 */

/** Error names of the protocol that apply to a posted price. */
const PRICE_ERRORS = [
  'bad_symbol',
  'bad_price',
  'bad_time',
  'symbol_limit',
  'forbidden',
  'backpressure',
] as const;

const count = z.int().min(0);
const price = z.number().positive();
const symbol = z.string().min(1).max(32).describe('1 to 32 characters, case-sensitive.');
const time = z.iso.datetime({ precision: 3 }).describe('RFC 3339, UTC, with milliseconds.');

export const postedPrice = z
  .object({
    symbol,
    price,
    timestamp: z
      .union([z.number().min(0), z.iso.datetime({ offset: true }), z.null()])
      .optional()
      .describe('Milliseconds since the epoch or RFC 3339. Absent: time of receipt.'),
  })
  .describe('A price. Other members are ignored.');

export const fieldFault = z
  .object({ field: z.string(), code: z.enum(PRICE_ERRORS), expected: z.string(), got: z.string() })
  .describe('A fault in one field of a price.');

export const requestFault = z
  .object({ name: z.string(), expected: z.string(), got: z.string() })
  .describe('A fault in a parameter or in an element of an array.');

export const postResult = z
  .object({
    accepted: count.describe('Prices accepted.'),
    rejected: z.array(z.object({ index: count, errors: z.array(fieldFault).min(1) })),
  })
  .describe('The result of a request; rejected prices in the order of the request.');

export const symbolStatistics = z
  .object({
    symbol,
    currentPrice: price.describe('Price of the tick with the greatest timestamp.'),
    movingAverage: price.describe(
      'Mean of the last ticks applied; the configuration sets their number.',
    ),
    updateCount: z.int().min(1).describe('Ticks applied.'),
    lastUpdateTime: time,
    minPrice: price,
    maxPrice: price,
    anomaliesDetected: count,
  })
  .describe('The statistics of a symbol at one moment.');

export const symbolStatisticsPage = z
  .object({
    items: z.array(symbolStatistics),
    next: symbol.nullable().describe('`after` for the next page; null on the last page.'),
  })
  .describe('Symbols in the order of their UTF-16 code units.');

export const priceAnomaly = z
  .object({
    symbol,
    sequence: z.int().min(1).describe('Counts the anomalies of the symbol.'),
    direction: z.enum(['Up', 'Down']),
    referencePrice: price.describe(
      'The extreme of the sliding window that the price moved away from.',
    ),
    newPrice: price,
    changePercent: z.number().describe('From the reference price; negative for Down.'),
    timestamp: time,
  })
  .describe('A price move beyond the threshold within the sliding window.');

export const priceAnomalyPage = z
  .object({
    items: z.array(priceAnomaly),
    next: z.int().min(1).nullable().describe('`after` for the next page; null on the last page.'),
  })
  .describe('Anomalies of one symbol, oldest first.');

export const pastTick = z
  .object({ symbol, price, timestamp: time })
  .describe('A tick that was accepted.');

export const pastTickPage = z
  .object({
    items: z.array(pastTick),
    next: z.string().nullable().describe('`after` for the next page; null on the last page.'),
  })
  .describe('Ticks of one symbol in the order in which they were accepted.');

export const recentAnomalies = z
  .object({
    items: z.array(priceAnomaly),
    next: z
      .string()
      .nullable()
      .optional()
      .describe('`after` for the next page; null on the last page. Only on pages.'),
  })
  .describe('Anomalies of all symbols, newest first; a page of a time range, oldest first.');

export const alert = z
  .object({
    symbol,
    sequence: z.int().min(1).describe('Counts the alerts of the symbol, of all rules.'),
    rule: z.string().describe('Name of the rule.'),
    episode: z.int().min(1).describe('Counts the episodes of symbol and rule.'),
    phase: z.enum(Object.values(PHASE_NAMES)),
    level: z.enum(Object.values(LEVEL_NAMES)),
    direction: z.enum(Object.values(DIRECTION_NAMES)),
    reference: z.number().describe('What the rule compared the price with.'),
    price,
    changePercent: z.number().describe('From the reference to the price; negative for Down.'),
    time: time.describe('Of the tick, or of the end of the episode.'),
    startTime: time.describe("Of the episode's start."),
    peak: price.describe('The price of the episode furthest from where it began.'),
    count: count.describe('Ticks of the episode beyond the threshold.'),
    reason: z
      .enum(['reverted', 'reversed', 'settled', 'closed'])
      .optional()
      .describe('Why the episode ended; only at ends.'),
  })
  .describe('A step of an episode of a rule.');

export const alertPage = z
  .object({
    items: z.array(alert),
    next: z.int().min(1).nullable().describe('`after` for the next page; null on the last page.'),
  })
  .describe('Alerts of one symbol, oldest first.');

export const recentAlerts = z
  .object({
    items: z.array(alert),
    next: z
      .string()
      .nullable()
      .optional()
      .describe('`after` for the next page; null on the last page. Only on pages.'),
  })
  .describe('Alerts of all symbols, newest first; a page of a time range, oldest first.');

export const rulesInForce = z
  .object({
    since: time.nullable().describe('When they came into force; null without rules.'),
    version: z
      .string()
      .nullable()
      .describe("The first 12 digits of the file's SHA-256; null without rules."),
    refused: z
      .string()
      .nullable()
      .describe('Why the file, as it is now, is not in force; null if it is.'),
    items: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(RULE_KINDS),
        symbols: z.array(z.string()).describe('Patterns.'),
        settings: z
          .record(z.string(), z.unknown())
          .describe('As in the rule file; thresholds, days and times of day are parsed.'),
        overrides: z.array(z.record(z.string(), z.unknown())).describe('For some of the symbols.'),
        meaning: z.array(z.string()).describe('What all of it says, in words.'),
        started: count.describe('Episodes started since the start of the server.'),
        open: z.int().describe('Episodes open now.'),
        suppressed: count.describe('Starts that a cool-down covered.'),
        failed: count.describe('Symbols that its module threw for.'),
      }),
    ),
  })
  .describe('The rules in force, in the order of the file.');

const latencyMs = z.number().min(0).nullable();

export const partitionStatistics = z
  .object({
    partition: count,
    processed: count.describe('Ticks applied.'),
    queueDepth: count.describe('Ticks waiting now.'),
    queueCapacity: z.int().min(1).describe('Most ticks in the queue.'),
    averageLatencyMs: latencyMs.describe('From receipt to statistics; null before any tick.'),
    p99LatencyMs: latencyMs.describe('Interpolated from a histogram; null before any tick.'),
    restarts: count.describe('Deaths of its worker, each followed by a replacement.'),
    lapped: count.describe('Ticks overwritten in the queue (dropOldest).'),
    skipped: count.describe('Ticks lost with a worker that died.'),
  })
  .describe('Totals and state of one partition.');

const latencyQuantiles = z
  .object({ p50: latencyMs, p90: latencyMs, p99: latencyMs, p999: latencyMs })
  .describe('Over all partitions, interpolated from histograms; null before any tick.');

const sessionCounts = z
  .object({
    publishers: count,
    subscribers: count,
    subscriptions: count.describe('Patterns held by all sessions.'),
    slow: count.describe('Sessions whose socket buffer was full at the last check.'),
  })
  .describe('Live sessions now.');

const sentTotals = z
  .object({
    frames: count,
    bytes: count.describe('Payload of the frames.'),
    entries: count.describe('Entries of STATS frames, full ones and deltas.'),
    fullEntries: count,
    anomalies: count.describe('Counted for each session.'),
    conflated: count.describe('Updates replaced by newer ones before they were sent.'),
  })
  .describe('Totals sent to all sessions.');

const rules = z
  .object({
    movingAverageWindow: z.int().min(1).describe('Ticks.'),
    anomalyThresholdPercent: z.number().positive(),
    slidingWindowMilliseconds: z.int().min(1),
  })
  .describe('The configured rules of statistics and anomalies.');

export const processingStatistics = z
  .object({
    totalProcessed: count.describe('Ticks applied.'),
    totalRejected: count.describe('Invalid ticks.'),
    totalDropped: count.describe('Ticks dropped by full queues, on arrival or later.'),
    totalLate: count.describe('Applied ticks older than the newest of their symbol.'),
    anomaliesDetected: count,
    symbols: count,
    uptimeSeconds: z.number().min(0),
    rejectedByReason: z.object(
      Object.fromEntries(REJECTION_REASONS.map((reason) => [reason, count])) as Record<
        (typeof REJECTION_REASONS)[number],
        typeof count
      >,
    ),
    partitions: z.array(partitionStatistics).min(1),
    latencyMs: latencyQuantiles,
    sessions: sessionCounts,
    sent: sentTotals,
    rules,
    version: z.string().describe('Version of the server.'),
    epoch: z.string().describe('Changes at each start; as in WELCOME.'),
  })
  .describe('Totals since the start of the server.');

const clusterMember = z.object({
  id: z.string().describe('Changes at each start.'),
  role: z.enum(['edge', 'owner', 'all']),
  since: time.describe('When it joined, by its own clock.'),
  isAnswering: z.boolean().describe('Whether it answered just now.'),
  isThis: z.boolean().describe('Whether this answer is from it.'),
  shards: count.describe('Shards that it owns.'),
});

const clusterShard = z
  .object({
    shard: count,
    owner: z.string().nullable().describe('Id of the member that owns it.'),
    epoch: count.nullable().describe("The number of the owner's claim."),
    lagMessages: count.nullable().describe('Messages of its log that are not folded yet.'),
    delayMs: latencyMs.describe(
      'From the receipt of the newest tick folded, at an edge, to its folding.',
    ),
    waitingOutputs: count.nullable().describe('Anomalies on their way into the log of outputs.'),
  })
  .describe('The values are null where no member says that it owns the shard.');

export const clusterOverview = z
  .object({
    name: z.string().nullable().describe('`cluster.name`; null for a server that is alone.'),
    isConnected: z.boolean().describe('Whether there is a connection to the broker.'),
    members: z.array(clusterMember),
    shards: z.array(clusterShard),
  })
  .describe('The cluster that a server is a member of.');

export const health = z.object({ status: z.enum(['ok', 'ready']) });

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    errors: z
      .array(z.union([fieldFault, requestFault]))
      .optional()
      .describe('Every fault of the request, if they can be listed.'),
  })
  .describe('A problem document (RFC 9457).');

export type FieldFault = z.infer<typeof fieldFault>;
export type RequestFault = z.infer<typeof requestFault>;
export type SymbolStatistics = z.infer<typeof symbolStatistics>;
export type PriceAnomaly = z.infer<typeof priceAnomaly>;
export type AlertDocument = z.infer<typeof alert>;
export type PartitionStatistics = z.infer<typeof partitionStatistics>;
export type ProcessingStatistics = z.infer<typeof processingStatistics>;
