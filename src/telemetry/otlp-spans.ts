import {
  type Context,
  type Span as OtlpSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { Attributes, Span, SpanStart, Tracing } from './tracing.ts';

/** Spans as OpenTelemetry has them. */
export class OtlpTracing implements Tracing {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  start(name: string, { attributes = {}, request }: SpanStart = {}): Span {
    const kind = request === undefined ? SpanKind.INTERNAL : SpanKind.SERVER;
    const parent = parentOf(request?.header('traceparent'));
    return new StartedSpan(this.#tracer.startSpan(name, { kind, attributes }, parent));
  }
}

/** The caller's place in its trace; a malformed header is none. */
function parentOf(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? null : parseTraceParent(traceparent);
  if (parent === null) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}

/**
 * Samples what requests cause as their callers say, or a part of it; and everything else, which is
 * rare.
 */
export function createSampler(rate: number): Sampler {
  const requests = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(rate) });
  const others = new AlwaysOnSampler();
  return {
    shouldSample: (context, traceId, name, kind, attributes, links) =>
      kind === SpanKind.SERVER
        ? requests.shouldSample(context, traceId, name, kind, attributes, links)
        : others.shouldSample(),
    toString: () => `requests ${requests.toString()}`,
  };
}

class StartedSpan implements Span {
  readonly #span: OtlpSpan;

  constructor(span: OtlpSpan) {
    this.#span = span;
  }

  note(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  event(name: string, attributes: Attributes = {}): void {
    this.#span.addEvent(name, attributes);
  }

  end(): void {
    this.#span.end();
  }

  fail(reason: unknown): void {
    const message = reason instanceof Error ? reason.message : String(reason);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
    this.#span.end();
  }
}
