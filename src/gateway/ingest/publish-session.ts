import {
  ackFrame,
  CloseCode,
  decodeFrame,
  ErrorCode,
  type Frame,
  Op,
  ProtocolError,
  pongFrame,
  readPublishRequest,
  readTicksFrame,
  rejectFrame,
  validateSymbol,
} from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import type { Connection } from '../sessions/connection.ts';
import type { PublisherSession } from '../sessions/session.ts';
import { MESSAGE_TOO_LARGE, type SocketHandler } from '../transport/transport.ts';
import { PendingDurable } from './acknowledgements.ts';
import { AliasTable } from './alias-table.ts';
import type { CreditHolder } from './credit-pool.ts';
import { endOfFrame } from './frame-journal.ts';
import { PublishScope } from './publish-scope.ts';
import type { Publisher } from './publisher-registry.ts';

export type PublishContext = Pick<
  GatewayContext,
  | 'clock'
  | 'config'
  | 'counters'
  | 'credit'
  | 'intake'
  | 'journal'
  | 'publishers'
  | 'quota'
  | 'renewals'
  | 'scheduler'
  | 'security'
  | 'sessions'
  | 'tickBatch'
  | 'ticksReader'
>;

/**
 * Least number of aliases that a connection may declare; more if the server may hold more symbols.
 */
const ALIASES_MAX = 65_536;
/**
 * Delay after which a publisher without credit may retry, ms: about the time a full queue takes to
 * drain.
 */
const RETRY_AFTER_MS = 20;

/** Ticks of the largest frame of a publisher that an earlier run knew, or another server. */
const RESUMED_TICKS = 1024;

/** The first bytes of a TICKS frame in MessagePack, and its start in JSON. */
const ARRAY_OF_3 = 0x93;
const TICKS_JSON = `[${Op.TICKS},`;

/** A publisher's session: ticks in, acknowledgements out. */
export class PublishSession implements SocketHandler, CreditHolder, PublisherSession {
  readonly connection: Connection;
  readonly publisher: Publisher;
  credit = 0;
  framesUnacknowledged = 0;
  acknowledgedAt = Number.NEGATIVE_INFINITY;
  wasPipelined = false;
  readonly #context: PublishContext;
  readonly #scope: PublishScope;
  readonly #rate: TokenBucket;
  /** End of the pause after the rate limit was exceeded, on the clock of `performance.now`, ms. */
  #tooFastUntil = 0;
  #isTooFast = false;
  /** Whether the publisher was told that no frame becomes durable; until one does. */
  #isToldNotDurable = false;
  readonly #aliases = new AliasTable();
  /** Ticks since the connection was opened. */
  #accepted = 0;
  #rejected = 0;
  #dropped = 0;
  #creditSent = 0;
  /** Undefined where frames are acknowledged once accepted. */
  readonly #undurable: PendingDurable | undefined;
  /** False after a frame with sequence 0 opted out; a numbered frame opts in for good. */
  #isAcknowledged = true;
  #hasNumbers = false;

  constructor(connection: Connection, publisher: Publisher, context: PublishContext) {
    this.connection = connection;
    this.publisher = publisher;
    this.#context = context;
    this.#scope = new PublishScope(connection.client, context.quota, context.security);
    this.#rate = new TokenBucket(this.#ticksPerSecond, context.clock.steady);
    const isDurable = context.config.publish.acknowledge === 'durable';
    if (isDurable && publisher.isNamed) this.#undurable = new PendingDurable();
    publisher.session?.takenOver();
    publisher.session = this;
    context.credit.add(this);
    this.#creditSent = this.credit;
  }

  message(data: Uint8Array | string): void {
    if (!this.connection.isOpen) return;
    const { clock } = this.#context;
    clock.read();
    this.connection.lastLifeAt = clock.steady;
    try {
      this.#read(data, clock.now);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.connection.refuse(error, this.#retryAfterMs(error.code));
      if (error.code === ErrorCode.sequence_gap) {
        this.connection.close(CloseCode.SEQUENCE_GAP, error.message);
      }
    }
  }

  get frameTicks(): number {
    const { frameTicks, sequence } = this.publisher;
    return frameTicks === 0 && sequence > 0 ? RESUMED_TICKS : frameTicks;
  }

  drain(): void {
    this.connection.heard();
  }

  pong(): void {
    this.connection.heard();
  }

  close(code: number): void {
    const { client } = this.connection;
    if (code === MESSAGE_TOO_LARGE) this.#context.security.limited('frameBytes', client);
    this.connection.closed();
    this.#context.credit.remove(this);
    this.#context.publishers.leave(this.publisher, this);
    const { scheduler, sessions } = this.#context;
    sessions.publishers.delete(this);
    scheduler.forget(this);
    // Others may be waiting for its credit.
    scheduler.schedule();
  }

  permissionsChanged(): void {
    const { nameSpace } = this.connection.client;
    this.#scope.permissionsChanged();
    this.#aliases.permit((name) => this.#scope.covers(nameSpace.symbolOf(name)));
    this.#rate.changeRate(this.#ticksPerSecond, this.#context.clock.steady);
  }

  takenOver(): void {
    this.#context.credit.remove(this);
    this.connection.close(CloseCode.TAKEN_OVER, 'another connection took over this publisher name');
  }

  /**
   * Acknowledges all frames so far and grants credit. Sends no ACK to a publisher that uses
   * sequence 0.
   */
  acknowledge(): void {
    this.framesUnacknowledged = 0;
    if (!this.connection.isOpen) return;
    this.#context.credit.topUp(this);
    this.#creditSent = this.credit;
    if (!this.#isAcknowledged) return;
    const credit = this.credit + (this.#undurable?.ticks ?? 0);
    this.connection.send(
      ackFrame(this.sequence, this.#accepted, this.#rejected, this.#dropped, credit),
    );
  }

  /** The last sequence that the publisher need not send again. */
  get sequence(): number {
    const { durableSequence, sequence } = this.publisher;
    return this.#undurable === undefined ? sequence : durableSequence;
  }

  madeDurable(): void {
    if (this.#undurable === undefined) return;
    this.#isToldNotDurable = false;
    this.#undurable.settle(this.publisher.durableSequence);
    this.acknowledge();
  }

  synced(position: number): boolean {
    if (this.#undurable === undefined) return true;
    const last = this.#undurable.settleSynced(position);
    if (last > this.publisher.durableSequence) {
      this.publisher.durableSequence = last;
      this.#isToldNotDurable = false;
      this.acknowledge();
    }
    return this.#undurable.isEmpty;
  }

  notDurable(): void {
    if (this.#undurable?.isEmpty !== false || this.#isToldNotDurable) return;
    this.#isToldNotDurable = true;
    this.connection.refuse(
      new ProtocolError(
        ErrorCode.not_available,
        'nothing can be stored now: frames are accepted, and acknowledged once they are durable',
      ),
    );
  }

  /** Sends an ACK if the credit is twice the amount last sent, or the whole share. */
  offerCredit(): void {
    const { credit } = this.#context;
    if (!credit.isBinding || !this.connection.isOpen) return;
    credit.topUp(this);
    if (this.credit <= this.#creditSent) return;
    if (this.credit > 2 * this.#creditSent || credit.hasShare(this)) this.acknowledge();
  }

  /** Sends small increases of credit: the publisher may be waiting for them. */
  swept(): void {
    if (this.#context.credit.isBinding && this.credit > this.#creditSent) this.acknowledge();
  }

  /** @param now time of receipt, ms since the epoch */
  #read(data: Uint8Array | string, now: number): void {
    const { tickBatch: batch, ticksReader } = this.#context;
    this.connection.expectEncoding(data);
    // Frames that ignore the rate limit are not decoded: decoding is most of a frame's cost.
    if (this.#context.clock.steady < this.#tooFastUntil && isTicksFrame(data))
      this.#refuseTooFast();
    if (typeof data !== 'string' && ticksReader.read(data, batch, now)) {
      this.#takeTicks(now);
      return;
    }
    const frame = decodeFrame(data);
    if (frame[0] === Op.TICKS) {
      readTicksFrame(frame, batch, now, this.#context.config.publish.ticksPerFrameMax);
      this.#takeTicks(now);
    } else {
      this.#answer(frame, now);
    }
  }

  #answer(frame: Frame, now: number): void {
    const request = readPublishRequest(frame);
    if (request.op === Op.PING) {
      this.connection.send(pongFrame(request.clientTime, now));
    } else if (request.op === Op.ALIAS) {
      this.#declare(request.firstAlias, request.symbols);
    } else {
      this.#context.renewals?.renew(this, request.token);
    }
  }

  #declare(firstAlias: number, symbols: readonly unknown[]): void {
    let fault: ProtocolError | undefined;
    symbols.forEach((symbol, index) => {
      const reason = typeof symbol === 'string' ? validateSymbol(symbol) : 'is not a string';
      // An invalid symbol does not affect those after it.
      const itsFault =
        reason === undefined && typeof symbol === 'string'
          ? this.#declareOne(firstAlias + index, symbol)
          : new ProtocolError(ErrorCode.bad_symbol, `symbols[${index}] ${reason}`);
      fault ??= itsFault;
    });
    if (fault !== undefined) throw fault;
  }

  /** Returns why ticks of this alias will be rejected; undefined if they will be accepted. */
  #declareOne(alias: number, symbol: string): ProtocolError | undefined {
    const aliasesMax = Math.max(ALIASES_MAX, this.#context.config.processing.maxSymbols);
    if (this.#aliases.size >= aliasesMax && !this.#aliases.has(alias)) {
      throw new ProtocolError(
        ErrorCode.symbol_limit,
        `a connection may declare ${aliasesMax} aliases (processing.maxSymbols, or ${ALIASES_MAX})`,
      );
    }
    const isAllowed = this.#scope.isAll || this.#scope.covers(symbol);
    this.#aliases.declare(alias, this.connection.client.nameSpace.nameOf(symbol), isAllowed);
    if (isAllowed) return undefined;
    return new ProtocolError(ErrorCode.forbidden, `the token does not allow "${symbol}"`);
  }

  #takeTicks(now: number): void {
    const { clock, counters, credit, intake, scheduler, tickBatch: batch } = this.#context;
    const { sequence } = batch;
    if (sequence !== 0) this.#hasNumbers = true;
    this.#isAcknowledged = this.#hasNumbers;
    if (sequence !== 0 && sequence <= this.publisher.sequence) {
      counters.duplicateFrames++;
      if (sequence > this.publisher.durableSequence) this.#awaitDurable(sequence, batch.count);
      scheduler.acknowledgementDue(this, false);
      return;
    }
    if (sequence !== 0) this.#checkGap(sequence);
    if (credit.isBinding && batch.count > this.credit) this.#refuseBeyondCredit(batch.count);
    this.#checkRate(batch.count);
    const { id } = this.publisher;
    if (!intake.take(batch, this.#aliases, now, clock.monotonicUs, this.#scope, id)) {
      this.#refuseBeyondJournal(batch.count);
    }
    credit.spend(this, batch.count);
    counters.tickFrames++;
    this.#accepted += intake.accepted;
    this.#rejected += intake.rejected;
    this.#dropped += intake.dropped;
    if (sequence !== 0) {
      this.publisher.sequence = sequence;
      this.publisher.frameTicks = Math.max(this.publisher.frameTicks, batch.count);
      this.publisher.position = endOfFrame(this.#context.journal);
      this.#awaitDurable(sequence, batch.count);
    }
    if (intake.faults.length > 0) {
      this.connection.send(rejectFrame(sequence, intake.faults, intake.symbolLimit));
    }
    scheduler.acknowledgementDue(this, 2 * this.credit < this.#creditSent);
  }

  #awaitDurable(sequence: number, ticks: number): void {
    if (this.#undurable === undefined) return;
    const { position } = this.publisher;
    this.#undurable.add(sequence, ticks, position);
    if (position < Number.POSITIVE_INFINITY) this.#context.publishers.awaitSync(this, position);
  }

  #checkGap(sequence: number): void {
    const expected = this.publisher.sequence + 1;
    if (sequence === expected) return;
    // Frames pipelined behind a rate-limited one are not a gap: they will be sent again.
    if (this.#isTooFast && sequence > expected) this.#refuseTooFast();
    const message = `sequence: expected ${expected}, got ${sequence}`;
    throw new ProtocolError(ErrorCode.sequence_gap, message);
  }

  get #ticksPerSecond(): number {
    const ofToken = this.connection.client.identity.limits.ticksPerSecond;
    return Math.min(
      ofToken ?? Number.POSITIVE_INFINITY,
      this.#context.config.limits.ticksPerSecond,
    );
  }

  #checkRate(ticks: number): void {
    const { clock, security } = this.#context;
    this.#isTooFast = !this.#rate.tryTake(ticks, clock.steady);
    if (!this.#isTooFast) return;
    security.limited('ticksPerSecond', this.connection.client);
    this.#tooFastUntil = clock.steady + this.#rate.waitMs(ticks, clock.steady);
    this.#refuseTooFast();
  }

  #refuseTooFast(): never {
    this.#context.counters.tooFastFrames++;
    // The ACK goes first: a publisher resends all it has not been acknowledged.
    if (this.framesUnacknowledged > 0) this.acknowledge();
    const message = 'tick rate limit exceeded';
    throw new ProtocolError(ErrorCode.rate_limited, message);
  }

  #retryAfterMs(code: ErrorCode): number | null {
    if (code === ErrorCode.backpressure) return RETRY_AFTER_MS;
    if (code !== ErrorCode.rate_limited) return null;
    return Math.max(1, Math.ceil(this.#tooFastUntil - this.#context.clock.steady));
  }

  #refuseBeyondJournal(ticks: number): never {
    const { counters, journal } = this.#context;
    counters.backpressureFrames++;
    // Credit grows again with the next sync.
    journal?.wantSynced(journal.position);
    const message = `the journal has no space for a frame of ${ticks} ticks now`;
    throw new ProtocolError(ErrorCode.backpressure, message);
  }

  #refuseBeyondCredit(ticks: number): never {
    this.#context.counters.backpressureFrames++;
    const message = `the frame holds ${ticks} ticks, and the credit left is ${this.credit}`;
    // Space may have become free since the last ACK: tell the publisher.
    this.#context.scheduler.acknowledgementDue(this, true);
    throw new ProtocolError(ErrorCode.backpressure, message);
  }
}

/** Whether a message starts like a TICKS frame as all known clients write it. */
function isTicksFrame(data: Uint8Array | string): boolean {
  if (typeof data === 'string') return data.startsWith(TICKS_JSON);
  return data[0] === ARRAY_OF_3 && data[1] === Op.TICKS;
}
