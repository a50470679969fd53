import { AlertPhase } from '../protocol/index.ts';
import type { EffectiveRule } from './effective-rule.ts';
import {
  Flag,
  type SlotView,
  STATE_DOUBLES,
  STATE_WORDS,
  State,
  StateWord,
} from './rule-memory.ts';

/** The last alert that left a partition. */
export interface NewestAlert {
  readonly sequence: number;
  readonly ruleId: number;
  readonly episode: number;
  readonly phase: AlertPhase;
  /** Ms since the epoch. */
  readonly time: number;
}

/**
 * Brings a rule's state in line with the alerts that left the partition, after a worker died at any
 * store of a record: state that precedes a record is undone if the record never left, state that
 * follows it is made up for if it did. Changes nothing where no worker died. Idempotent.
 *
 * @param newest alert of the partition, if it is of this symbol
 * @returns whether an open episode turned out to be none
 */
export function settleEpisode(
  rule: EffectiveRule,
  { doubles, words }: SlotView,
  symbolId: number,
  newest: NewestAlert | undefined,
): boolean {
  const at = symbolId * STATE_DOUBLES;
  const word = symbolId * STATE_WORDS;
  const own = newest?.ruleId === rule.id ? newest : undefined;
  if (own?.phase === AlertPhase.START) {
    doubles[at + State.EPISODE] = own.episode;
    words[word + StateWord.COUNT] = Math.max(1, words[word + StateWord.COUNT] as number);
  }
  const flags = words[word] as number;
  if ((flags & Flag.OPEN) === 0) return false;
  const hasStarted = words[word + StateWord.COUNT] !== 0 && rule.episode !== null;
  const hasEnded = own?.phase === AlertPhase.END && own.episode === doubles[at + State.EPISODE];
  if (hasStarted && !hasEnded) return false;
  if (hasEnded) doubles[at + State.BEYOND] = own.time;
  words[word] = (flags & ~Flag.OPEN) | (hasEnded ? Flag.ENDED : 0);
  return true;
}
