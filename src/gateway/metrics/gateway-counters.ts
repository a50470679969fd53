/** What the gateway counts, since it started: plain numbers that the metrics read. */
export class GatewayCounters {
  framesOut = 0;
  /** Payload bytes of all frames sent. */
  bytesOut = 0;
  badFrames = 0;
  /** Entries of STATS frames sent. */
  entriesOut = 0;
  fullEntriesOut = 0;
  anomaliesOut = 0;
  /** States of a symbol that a session was not sent because a newer one replaced them first. */
  conflatedUpdates = 0;
  /** Times that a session was found with no room in its socket. */
  slowEpisodes = 0;
  /** Frames of publishers that were taken, and those refused for want of credit. */
  tickFrames = 0;
  duplicateFrames = 0;
  backpressureFrames = 0;
  /** Frames of publishers refused because they came too fast, also those behind the first that were not read. */
  tooFastFrames = 0;
  /** HTTP requests refused because the queues were full. */
  backpressureRequests = 0;
}
