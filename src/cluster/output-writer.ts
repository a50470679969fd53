import { setTimeout as delay } from 'node:timers/promises';
import type { Alert, Anomaly } from '../protocol/index.ts';
import type { Bus, Expectation, Message, StoredMessage } from './bus.ts';
import type { ClusterNames } from './names.ts';
import type { SkipRecord } from './skipped-ticks.ts';

/** Messages of one write: all or none of them are stored. */
const BATCH_MAX = 500;
/** Wait before a write that failed is made again, ms. */
const RETRY_MS = 50;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Place of an output: the sequence of the log's message that raised it, and which one of its. */
export interface OutputPlace {
  readonly position: number;
  /** From 0. */
  readonly index: number;
}

/** What an owner has published before: nothing. */
const NOTHING: OutputPlace = { position: 0, index: 0 };
/** Index before that of a message's first output. */
const BEFORE_ALL = -1;

/** An anomaly as it is in the log of outputs: JSON. */
export interface PublishedAnomaly extends Anomaly, OutputPlace {
  /** The claim of the owner that wrote it. */
  readonly epoch: number;
}

/** An alert as it is there. */
export interface PublishedAlert extends Alert, OutputPlace {
  readonly epoch: number;
}

/** On its way. */
interface Output extends OutputPlace {
  readonly subject: string;
  readonly record: Anomaly | Alert | SkipRecord;
}

interface Claim extends OutputPlace {
  /** The process that claims. */
  readonly owner: string;
  /** Tells one claim of an owner from another. */
  readonly nonce: number;
}

/** Another process has claimed the shard. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

export function readAnomaly(payload: Uint8Array): PublishedAnomaly {
  return JSON.parse(decoder.decode(payload)) as PublishedAnomaly;
}

export function readAlert(payload: Uint8Array): PublishedAlert {
  return JSON.parse(decoder.decode(payload)) as PublishedAlert;
}

/** Who claims a shard, or tries to. */
export function readClaimant(payload: Uint8Array): string {
  return (JSON.parse(decoder.decode(payload)) as Claim).owner;
}

let nonces = 0;

/**
 * Writes what a shard's owner puts out. A claim fences off the owner before: each write expects the
 * last message of the shard to be this owner's own, so that nothing gets in between.
 */
export class OutputWriter {
  /** Number of the claim; a later one is greater. */
  readonly epoch: number;
  /** Up to here everything was out before the claim. */
  readonly before: OutputPlace;
  readonly #bus: Bus;
  readonly #names: ClusterNames;
  readonly #shard: number;
  /** Sequence of the shard's last message. */
  #last: number;
  /** Up to here everything is out. */
  #out: OutputPlace;
  #waiting: Output[] = [];
  #isWriting = false;
  #fault: FencedError | undefined;
  #isStopped = false;

  private constructor(
    bus: Bus,
    names: ClusterNames,
    shard: number,
    epoch: number,
    before: OutputPlace,
  ) {
    this.#bus = bus;
    this.#names = names;
    this.#shard = shard;
    this.epoch = epoch;
    this.before = before;
    this.#last = epoch;
    this.#out = before;
  }

  /**
   * Claims a shard.
   *
   * @throws Error if the broker does not answer
   */
  static async claim(
    bus: Bus,
    names: ClusterNames,
    shard: number,
    owner: string,
  ): Promise<OutputWriter> {
    const nonce = ++nonces;
    let fault: unknown;
    for (let attempt = 0; attempt < 5; attempt++) {
      const last = await bus.last(names.outputLog, names.outputsOf(shard));
      if (last !== undefined && isClaim(last, names.claim(shard), owner, nonce)) {
        return new OutputWriter(bus, names, shard, last.sequence, placeIn(last));
      }
      const before = last === undefined ? NOTHING : placeIn(last);
      const claim: Claim = { owner, nonce, ...before };
      try {
        const epoch = await bus.append(
          { subject: names.claim(shard), payload: encoder.encode(JSON.stringify(claim)) },
          { filter: names.outputsOf(shard), sequence: last?.sequence ?? 0 },
        );
        return new OutputWriter(bus, names, shard, epoch, before);
      } catch (error) {
        // It may be stored, or another claim be first: look again.
        fault = error;
        await delay(RETRY_MS);
      }
    }
    throw fault;
  }

  /** Whether another owner has claimed the shard. */
  get isFenced(): boolean {
    return this.#fault !== undefined;
  }

  /** Outputs that are not known to be stored. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Adds an anomaly; what was out before the claim is left out. */
  add(anomaly: Anomaly, place: OutputPlace): void {
    this.#add(this.#names.anomaly(this.#shard, anomaly.symbol), anomaly, place);
  }

  /** The same for an alert. */
  addAlert(alert: Alert, place: OutputPlace): void {
    this.#add(this.#names.alert(this.#shard, alert.symbol), alert, place);
  }

  /**
   * Has every later fold leave ticks out: the record of them is the last output of this fold, which
   * ends before a message. Resolves once it is stored, or the writer was stopped.
   *
   * @throws FencedError if another owner has claimed the shard
   */
  async skip(record: SkipRecord, position: number): Promise<void> {
    const place = { position, index: BEFORE_ALL };
    // What is of the message itself comes from a state that is not whole.
    this.#waiting = this.#waiting.filter((output) => isAfter(place, output));
    const subject = this.#names.skips(this.#shard);
    // An owner before may have been further.
    this.#waiting.push({ subject, record, ...(isAfter(place, this.#out) ? place : this.#out) });
    await this.flush();
    // Another call may be at it.
    while (this.#waiting.length > 0 && !this.#isStopped && !this.isFenced) await delay(RETRY_MS);
    if (this.#fault !== undefined) throw this.#fault;
  }

  #add(subject: string, record: Anomaly | Alert, place: OutputPlace): void {
    if (isAfter(place, this.before)) this.#waiting.push({ subject, record, ...place });
  }

  /**
   * Writes what waits.
   *
   * @throws FencedError if another owner has claimed the shard
   */
  flush(): Promise<void> {
    return this.#work(() => undefined);
  }

  /**
   * Looks whether the claim is still the last, and writes what waits. (Without outputs, an owner
   * would not learn that it was replaced.) Returns whether it is known to be the last: there may be
   * no answer, or a write under way.
   *
   * @throws FencedError if another owner has claimed the shard
   */
  async confirm(): Promise<boolean> {
    let isKnown = false;
    await this.#work(async () => {
      isKnown = await this.#look();
    });
    return isKnown;
  }

  /** Whoever is at it also writes what is added meanwhile: nobody else may come for it. */
  async #work(begin: () => Promise<void> | undefined): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      await begin();
      while (this.#waiting.length > 0 && !this.#isStopped) await this.#write();
    } finally {
      this.#isWriting = false;
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  async #write(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH_MAX);
    const { epoch } = this;
    const messages: Message[] = batch.map(({ index, position, record, subject }) => ({
      subject,
      payload: encoder.encode(JSON.stringify({ ...record, position, index, epoch })),
    }));
    const expected: Expectation = {
      filter: this.#names.outputsOf(this.#shard),
      sequence: this.#last,
    };
    try {
      this.#last = await this.#bus.appendAll(messages, expected);
      this.#waiting.splice(0, batch.length);
      const { index, position } = batch.at(-1) as Output;
      this.#out = { position, index };
    } catch {
      await delay(RETRY_MS);
      await this.#look();
    }
  }

  /** Takes from the shard's last message what is stored, and whose it is. False: no answer. */
  async #look(): Promise<boolean> {
    const { outputLog } = this.#names;
    const filter = this.#names.outputsOf(this.#shard);
    const last = await this.#bus.last(outputLog, filter).catch(() => undefined);
    // No answer, or nothing new: what waits is written again.
    if (last === undefined) return false;
    if (last.sequence === this.#last) return true;
    const isOwn = last.subject !== this.#names.claim(this.#shard) && epochIn(last) === this.epoch;
    if (!isOwn) {
      this.#fault = new FencedError(`shard ${this.#shard} was claimed by another owner`);
      throw this.#fault;
    }
    const place = placeIn(last);
    this.#last = last.sequence;
    this.#out = place;
    this.#waiting = this.#waiting.filter((output) => isAfter(output, place));
    return true;
  }
}

function isClaim(
  { payload, subject }: StoredMessage,
  claimSubject: string,
  owner: string,
  nonce: number,
): boolean {
  if (subject !== claimSubject) return false;
  const claim = JSON.parse(decoder.decode(payload)) as Claim;
  return claim.owner === owner && claim.nonce === nonce;
}

function epochIn({ payload }: StoredMessage): number {
  return (JSON.parse(decoder.decode(payload)) as { readonly epoch: number }).epoch;
}

function placeIn({ payload }: StoredMessage): OutputPlace {
  const { position, index } = JSON.parse(decoder.decode(payload)) as OutputPlace;
  return { position, index };
}

function isAfter(a: OutputPlace, b: OutputPlace): boolean {
  return a.position > b.position || (a.position === b.position && a.index > b.index);
}
