import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Registry } from 'prom-client';
import type { Config } from '../config/schema.ts';
import { readMetrics } from './otlp-metrics.ts';
import { createSampler, OtlpTracing } from './otlp-spans.ts';
import { Outlet } from './outlet.ts';
import { SpanQueue } from './span-queue.ts';
import type { TelemetryFigures, Tracing } from './tracing.ts';

/** Time for a request to the collector, retries included, ms. */
const TIMEOUT_MS = 5000;
/** Time for the last export at a stop, ms. */
const STOP_MS = 2000;

interface TelemetryLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Traces and metrics on their way to a collector, by OTLP over HTTP. Loaded only where
 * `telemetry.otlpEndpoint` is set.
 */
export class Telemetry {
  /** Undefined: `telemetry.sampleRate` is 0. */
  readonly tracing: Tracing | undefined;
  readonly #scope: { readonly name: string; readonly version: string };
  readonly #resource: Resource;
  readonly #metricsIntervalMs: number;
  readonly #traces: Outlet<ReadableSpan[]>;
  readonly #metrics: Outlet<ResourceMetrics>;
  readonly #spans: SpanQueue;
  readonly #startedAt = Date.now();
  #registry: Registry | undefined;
  #exporting: Promise<unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ server, telemetry }: Config, version: string, log: TelemetryLog) {
    const { metricsIntervalMs, otlpEndpoint, sampleRate } = telemetry;
    this.#scope = { name: 'tickwire', version };
    this.#metricsIntervalMs = metricsIntervalMs;
    this.#resource = resourceFromAttributes({
      'service.name': 'tickwire',
      'service.version': version,
      'service.instance.id': `${hostname()}:${server.port}`,
      'process.pid': process.pid,
    });
    const base = otlpEndpoint.replace(/\/+$/, '');
    const headers = readHeaders(telemetry.headers);
    const common = { headers, timeoutMillis: TIMEOUT_MS };
    const traces = new OTLPTraceExporter({ ...common, url: `${base}/v1/traces` });
    const metrics = new OTLPMetricExporter({ ...common, url: `${base}/v1/metrics` });
    this.#traces = new Outlet(traces, 'traces', log);
    this.#metrics = new Outlet(metrics, 'metrics', log);
    this.#spans = new SpanQueue((batch) => this.#traces.send(batch));
    if (sampleRate === 0) return;
    const provider = new TracerProvider({
      resource: this.#resource,
      sampler: createSampler(sampleRate),
      spanProcessors: [this.#spans],
    });
    this.tracing = new OtlpTracing(provider.getTracer(this.#scope.name, version));
  }

  get figures(): TelemetryFigures {
    return {
      droppedSpans: this.#spans.dropped,
      failedExports: this.#traces.failed + this.#metrics.failed,
    };
  }

  /** Exports these metrics from now on, at the configured interval. */
  exportMetrics(registry: Registry): void {
    if (this.#metricsIntervalMs === 0) return;
    this.#registry = registry;
    this.#timer = setInterval(() => void this.#exportMetrics(), this.#metricsIntervalMs).unref();
  }

  /** Exports what is left, for 2 s at most. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const exported = Promise.all([this.#spans.shutdown(), this.#exportLastMetrics()]);
    const stopped = new AbortController();
    const late = delay(STOP_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    await Promise.race([exported, late]);
    stopped.abort();
  }

  /** Exports the metrics as they are now, or leaves it to an export under way. */
  #exportMetrics(): Promise<unknown> {
    this.#exporting ??= this.#metrics.send(this.#readMetrics()).finally(() => {
      this.#exporting = undefined;
    });
    return this.#exporting;
  }

  async #exportLastMetrics(): Promise<void> {
    await this.#exporting;
    if (this.#registry !== undefined) await this.#exportMetrics();
  }

  async #readMetrics(): Promise<ResourceMetrics> {
    const metrics = await readMetrics(this.#registry as Registry, this.#startedAt);
    return { resource: this.#resource, scopeMetrics: [{ scope: this.#scope, metrics }] };
  }
}

/** The headers of `telemetry.headers`: `name=value`, separated by commas. */
function readHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const end = part.indexOf('=');
    headers[part.slice(0, end).trim()] = part.slice(end + 1).trim();
  }
  return headers;
}
