import type { AccessLog } from './access-log.ts';

/** What the audit log tells of. */
export type AuditEvent = 'authenticationFailed' | 'forbidden' | 'limited';

/** Who did what. Never holds a token or what a client sent as data. */
export interface AuditRecord {
  /** Of the client. */
  readonly address: string;
  /** Empty where it did not authenticate. */
  readonly tokenId?: string | undefined;
  readonly subject?: string | undefined;
  /** Why it failed, what was forbidden, or which limit was met; cut after 200 characters. */
  readonly reason: string;
}

const MESSAGES: Readonly<Record<AuditEvent, string>> = {
  authenticationFailed: 'authentication failed',
  forbidden: 'an action was forbidden',
  limited: 'a limit was met',
};

/** Between two lines of one event and address, ms. */
const PAUSE_MS = 1_000;
/** Events and addresses that have lines of their own at a time; all others share one line an event. */
const SOURCES_MAX = 256;
const OTHER_ADDRESSES = 'others';
const REASON_LENGTH_MAX = 200;

/** An event and address that had a line in the last second. */
interface Source {
  /** The newest record since then, and how many there were. */
  last: AuditRecord | undefined;
  waiting: number;
}

/**
 * The security log: warnings with a field `security`, at most one a second for each event and
 * address, and counters for metrics. Records that got no line are counted in a later one
 * (`leftOut`), so a flood costs neither disk nor memory, and is told of all the same.
 */
export class Audit {
  readonly #log: Pick<AccessLog, 'warn'>;
  readonly #sources = new Map<string, Source>();
  readonly #counts: Record<AuditEvent, number> = {
    authenticationFailed: 0,
    forbidden: 0,
    limited: 0,
  };

  constructor(log: Pick<AccessLog, 'warn'>) {
    this.#log = log;
  }

  /** How often each event was, since the start. */
  get counts(): Readonly<Record<AuditEvent, number>> {
    return this.#counts;
  }

  /** A token was missing or not accepted. */
  authenticationFailed(record: AuditRecord): void {
    this.#record('authenticationFailed', record);
  }

  /** A token does not allow what its bearer asked for. */
  forbidden(record: AuditRecord): void {
    this.#record('forbidden', record);
  }

  /** A client wanted more than a limit allows. */
  limited(record: AuditRecord): void {
    this.#record('limited', record);
  }

  #record(event: AuditEvent, record: AuditRecord): void {
    this.#counts[event] += 1;
    const name = this.#sourceName(event, record.address);
    const source = this.#sources.get(name);
    if (source !== undefined) {
      source.last = record;
      source.waiting += 1;
      return;
    }
    this.#write(event, record, 0);
    this.#sources.set(name, { last: undefined, waiting: 0 });
    this.#wake(name, event);
  }

  /** The address has a line of its own unless too many others have one. */
  #sourceName(event: AuditEvent, address: string): string {
    const name = `${event} ${address}`;
    if (this.#sources.has(name) || this.#sources.size < SOURCES_MAX) return name;
    return `${event} ${OTHER_ADDRESSES}`;
  }

  /** Tells after the pause what had no line meanwhile, and forgets a source that was quiet. */
  #wake(name: string, event: AuditEvent): void {
    const timer = setTimeout(() => {
      const source = this.#sources.get(name);
      if (source?.last === undefined) {
        this.#sources.delete(name);
        return;
      }
      this.#write(event, source.last, source.waiting - 1);
      source.last = undefined;
      source.waiting = 0;
      this.#wake(name, event);
    }, PAUSE_MS);
    // A process that is done does not wait for lines of its log.
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
