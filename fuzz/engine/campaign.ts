import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../testkit/random.ts';
import { Coverage } from './coverage.ts';
import { findFault } from './execution.ts';
import { type Material, mutate } from './mutation.ts';
import { inputBytesMaxOf, type Target } from './target.ts';

/** Executions between two looks at the coverage: few while much is new. */
const BATCH_MIN = 32;
const BATCH_MAX = 2048;
const GENERATED_SHARE = 0.2;
const REPAIRED_SHARE = 0.8;

/** How far a campaign is. */
export interface Progress {
  readonly executions: number;
  readonly corpus: number;
  /** Characters of code that ran, of the files under test. */
  readonly reached: number;
  readonly size: number;
}

/** What a campaign tells. */
export interface CampaignEvents {
  /** Called before an input is read: if nothing is heard any more, this one was it. */
  begin(input: Uint8Array): void;
  end(): void;
  finding(input: Uint8Array, fault: string): void;
}

/**
 * Fuzzes one target: reads inputs made by its generator and mutations of kept ones, and keeps those
 * that reach code that none reached before. Coverage is looked at after a batch; only when a batch
 * reached something is it halved again and again, to find which inputs did.
 */
export class Campaign {
  readonly #target: Target;
  readonly #random: Random;
  readonly #events: CampaignEvents;
  readonly #coverage: Coverage;
  readonly #corpus: Uint8Array[] = [];
  readonly #material: Material;
  readonly #kinds = new Set<string>();
  #executions = 0;
  #batchSize = BATCH_MIN;

  constructor(target: Target, random: Random, events: CampaignEvents) {
    this.#target = target;
    this.#random = random;
    this.#events = events;
    this.#coverage = new Coverage(target.covers);
    this.#material = {
      corpus: this.#corpus,
      dictionary: target.dictionary.map(bytesOf),
      bytesMax: inputBytesMaxOf(target),
    };
  }

  get progress(): Progress {
    const { reached, size } = this.#coverage;
    return { executions: this.#executions, corpus: this.#corpus.length, reached, size };
  }

  /** @param isOver looked at between batches */
  run(isOver: (executions: number) => boolean): void {
    // All of them are kept: others are made of them.
    for (const seed of this.#target.seeds()) {
      this.#execute(seed);
      this.#corpus.push(seed);
    }
    this.#coverage.news(true);
    while (!isOver(this.#executions)) this.#runBatch();
    this.#coverage.close();
  }

  #runBatch(): void {
    const batch = Array.from({ length: this.#batchSize }, () => this.#make());
    for (const input of batch) this.#execute(input);
    if (this.#coverage.news(false) > 0) {
      this.#attribute(batch);
      this.#batchSize = Math.max(BATCH_MIN, this.#batchSize >> 1);
    } else {
      this.#batchSize = Math.min(BATCH_MAX, this.#batchSize * 2);
    }
  }

  /** Keeps those of the inputs that reach something new. */
  #attribute(inputs: readonly Uint8Array[]): void {
    for (const input of inputs) this.#execute(input);
    const isOne = inputs.length === 1;
    if (this.#coverage.news(isOne) === 0) return;
    if (isOne) {
      this.#corpus.push(inputs[0] as Uint8Array);
      return;
    }
    const half = inputs.length >> 1;
    this.#attribute(inputs.slice(0, half));
    this.#attribute(inputs.slice(half));
  }

  #make(): Uint8Array {
    const random = this.#random;
    if (this.#corpus.length === 0 || random.chance(GENERATED_SHARE)) {
      const made = this.#target.generate(random);
      return random.chance(0.5) ? made : mutate(random, made, this.#material);
    }
    // Newer ones are where there is more to be found.
    const newest = this.#corpus.length - Math.min(this.#corpus.length, 20);
    const from = random.chance(0.5) ? newest : 0;
    const input = this.#corpus[random.between(from, this.#corpus.length - 1)] as Uint8Array;
    const mutated = mutate(random, input, this.#material);
    const isRepaired = this.#target.repair !== undefined && random.chance(REPAIRED_SHARE);
    return isRepaired ? (this.#target.repair?.(mutated) ?? mutated) : mutated;
  }

  #execute(input: Uint8Array): void {
    this.#executions++;
    this.#events.begin(input);
    const fault = findFault(this.#target, input);
    this.#events.end();
    if (fault === undefined) return;
    if (this.#kinds.has(fault.kind)) return;
    this.#kinds.add(fault.kind);
    this.#events.finding(input, fault.text);
  }
}

/** Tokens are bytes, written as characters up to ff; those with others are text. */
function bytesOf(token: string): Buffer {
  return Buffer.from(token, /^[\0-\xff]*$/.test(token) ? 'latin1' : 'utf8');
}

/**
 * Writes an input that broke something to a file named for its content.
 *
 * @returns the path, to be given to `--replay`
 */
export function writeFinding(folder: string, target: string, input: Uint8Array): string {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const path = join(folder, target, name);
  mkdirSync(join(folder, target), { recursive: true });
  writeFileSync(path, input);
  return path;
}
