/** Facts about a span, by name. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work being timed. Nothing counts after {@link end} or {@link fail}. */
export interface Span {
  note(attributes: Attributes): void;
  /** Something that happens within it, now. */
  event(name: string, attributes?: Attributes): void;
  end(): void;
  /** Ends it as failed. */
  fail(reason: unknown): void;
}

export interface SpanStart {
  readonly attributes?: Attributes;
  /**
   * The head of the request that it answers: its trace goes on, and whether it is sampled follows
   * from that or from `telemetry.sampleRate`. Without one, a span is always sampled.
   */
  readonly request?: { header(name: string): string | undefined };
}

/**
 * Traces work. Those that trace know this, and nothing of OpenTelemetry: they get it only where
 * `telemetry.otlpEndpoint` is set.
 */
export interface Tracing {
  start(name: string, start?: SpanStart): Span;
}

/** Does what a span times, which ends with it, as failed if it throws. */
export async function during<Result>(
  span: Span | undefined,
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await act();
    span?.end();
    return result;
  } catch (error) {
    span?.fail(error);
    throw error;
  }
}

/** What telemetry has counted since the start. */
export interface TelemetryFigures {
  /** Spans that a full queue or a collector did not take. */
  readonly droppedSpans: number;
  /** Requests to the collector that failed, after retries. */
  readonly failedExports: number;
}
