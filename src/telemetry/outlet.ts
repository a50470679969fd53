import { type ExportResult, ExportResultCode } from '@opentelemetry/core';

/** An exporter of OpenTelemetry. */
interface Exporter<Batch> {
  export(batch: Batch, done: (result: ExportResult) => void): void;
}

interface OutletLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The way of one signal to the collector. An outage is one line of the log, however long. */
export class Outlet<Batch> {
  /** Requests that failed, after retries. */
  failed = 0;
  readonly #exporter: Exporter<Batch>;
  readonly #signal: string;
  readonly #log: OutletLog;
  #isOut = false;

  /** @param signal `traces` or `metrics`, for the log */
  constructor(exporter: Exporter<Batch>, signal: string, log: OutletLog) {
    this.#exporter = exporter;
    this.#signal = signal;
    this.#log = log;
  }

  /**
   * Sends a batch. Resolves with whether it was made and the collector took it; never rejects.
   */
  async send(batch: Batch | Promise<Batch>): Promise<boolean> {
    const { code, error } = await this.#export(batch);
    const isTaken = code === ExportResultCode.SUCCESS;
    if (isTaken) this.#succeeded();
    else this.#failed(error);
    return isTaken;
  }

  async #export(batch: Batch | Promise<Batch>): Promise<ExportResult> {
    try {
      const made = await batch;
      return await new Promise((resolve) => {
        this.#exporter.export(made, resolve);
      });
    } catch (error) {
      return { code: ExportResultCode.FAILED, error: error as Error };
    }
  }

  #succeeded(): void {
    const signal = this.#signal;
    if (this.#isOut) this.#log.info({ signal }, 'the collector takes telemetry again');
    this.#isOut = false;
  }

  #failed(error: Error | undefined): void {
    this.failed++;
    if (this.#isOut) return;
    this.#isOut = true;
    const { code } = Object(error) as { code?: number | string };
    const fields = { signal: this.#signal, reason: error?.message || 'no answer', code };
    this.#log.warn(fields, 'the collector does not take telemetry; the server goes on without');
  }
}
