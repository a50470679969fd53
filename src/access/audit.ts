import type { AccessLog } from './errors.ts';

export type AuditEvent = 'authenticationFailed' | 'forbidden' | 'limited' | 'originRefused';

/** A security event. Never contains a token or payload data. */
export interface AuditRecord {
  readonly address: string;
  /** Empty for a client that did not authenticate. */
  readonly tokenId?: string | undefined;
  readonly subject?: string | undefined;
  /** Why it failed, what was forbidden, or which limit was exceeded; cut after 200 characters. */
  readonly reason: string;
}

const MESSAGES: Readonly<Record<AuditEvent, string>> = {
  authenticationFailed: 'authentication failed',
  forbidden: 'action forbidden',
  limited: 'limit exceeded',
  originRefused: 'page of another origin refused',
};

/** Least time between two lines of the same event and address, ms. */
const PAUSE_MS = 1_000;
/** The same for what concerns the whole server, whichever address meets it, ms. */
const SERVER_PAUSE_MS = 60_000;
/** Sources tracked at a time. All others share one source per event. */
const SOURCES_MAX = 256;
const OTHER_ADDRESSES = 'others';
const REASON_LENGTH_MAX = 200;

/** An event and address that was logged within the last second. */
interface Source {
  /** The newest record since then. */
  last: AuditRecord | undefined;
  /** The number of records since then. */
  waiting: number;
}

/**
 * The security log: warnings with a field `security`, at most one a second per event and address
 * (one a minute for a limit of the whole server), and counters for metrics. A later line counts the
 * records that got none (`leftOut`), so that a flood is visible but costs neither disk nor memory.
 */
export class Audit {
  readonly #log: Pick<AccessLog, 'warn'>;
  readonly #sources = new Map<string, Source>();
  readonly #counts: Record<AuditEvent, number> = {
    authenticationFailed: 0,
    forbidden: 0,
    limited: 0,
    originRefused: 0,
  };

  constructor(log: Pick<AccessLog, 'warn'>) {
    this.#log = log;
  }

  /** Occurrences of each event since the start. */
  get counts(): Readonly<Record<AuditEvent, number>> {
    return this.#counts;
  }

  /** A token was missing or rejected. */
  authenticationFailed(record: AuditRecord): void {
    this.#record('authenticationFailed', record);
  }

  /** A token does not permit a request. */
  forbidden(record: AuditRecord): void {
    this.#record('forbidden', record);
  }

  /** A client exceeded a limit. */
  limited(record: AuditRecord): void {
    this.#record('limited', record);
  }

  /** A limit of the whole server was met: one line a minute for each `reason`. */
  serverLimited(record: AuditRecord): void {
    this.#record('limited', record, `limited: ${record.reason}`, SERVER_PAUSE_MS);
  }

  /** A page of an origin that is not allowed was refused. */
  originRefused(record: AuditRecord): void {
    this.#record('originRefused', record);
  }

  #record(
    event: AuditEvent,
    record: AuditRecord,
    name = this.#sourceName(event, record.address),
    pauseMs = PAUSE_MS,
  ): void {
    this.#counts[event] += 1;
    const source = this.#sources.get(name);
    if (source !== undefined) {
      source.last = record;
      source.waiting += 1;
      return;
    }
    this.#write(event, record, 0);
    this.#sources.set(name, { last: undefined, waiting: 0 });
    this.#wakeLater(name, event, pauseMs);
  }

  #sourceName(event: AuditEvent, address: string): string {
    const name = `${event} ${address}`;
    if (this.#sources.has(name) || this.#sources.size < SOURCES_MAX) return name;
    return `${event} ${OTHER_ADDRESSES}`;
  }

  /** After the pause, logs the records that came meanwhile, or drops a source that was quiet. */
  #wakeLater(name: string, event: AuditEvent, pauseMs: number): void {
    const timer = setTimeout(() => {
      const source = this.#sources.get(name);
      if (source?.last === undefined) {
        this.#sources.delete(name);
        return;
      }
      this.#write(event, source.last, source.waiting - 1);
      source.last = undefined;
      source.waiting = 0;
      this.#wakeLater(name, event, pauseMs);
    }, pauseMs);
    // Must not keep the process alive.
    timer.unref();
  }

  #write(event: AuditEvent, record: AuditRecord, leftOut: number): void {
    const { address, tokenId, subject, reason } = record;
    const fields = {
      security: event,
      address,
      ...(tokenId === undefined || tokenId === '' ? {} : { tokenId }),
      ...(subject === undefined || subject === '' ? {} : { subject }),
      reason: reason.slice(0, REASON_LENGTH_MAX),
      ...(leftOut === 0 ? {} : { leftOut }),
    };
    this.#log.warn(fields, MESSAGES[event]);
  }
}
