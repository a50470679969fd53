import { DurationHistogram } from './duration-histogram.ts';

/** Counters since the start, read by the metrics. */
export class GatewayCounters {
  framesOut = 0;
  /** Payload bytes of all frames sent. */
  bytesOut = 0;
  badFrames = 0;
  /** Entries of STATS frames sent. */
  entriesOut = 0;
  fullEntriesOut = 0;
  anomaliesOut = 0;
  alertsOut = 0;
  /** Versions of a symbol not sent to a session because a newer one replaced them. */
  conflatedUpdates = 0;
  /** Pings behind data (see `Pacing`), and the round trips of those answered. */
  marksSent = 0;
  readonly marksAnswered = new DurationHistogram();
  /** Times that a session's socket buffer filled up, or its client stopped reading. */
  slowEpisodes = 0;
  /** Times that anomalies had to wait in their rings because the store was full. */
  storeFullEpisodes = 0;
  /** TICKS frames accepted, repeated, and refused for lack of credit. */
  tickFrames = 0;
  duplicateFrames = 0;
  backpressureFrames = 0;
  /** TICKS frames refused by the rate limit, including undecoded ones behind the first. */
  tooFastFrames = 0;
  /** HTTP requests refused because the queues were full. */
  backpressureRequests = 0;
}
