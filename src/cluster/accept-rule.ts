import { type FramePlace, isAtMost, NO_PLACE, type Segment } from './segments.ts';

/** Publishers that a shard remembers. Beyond, the one that was silent longest is forgotten. */
const PUBLISHERS_MAX = 65_536;

/** What is known of a segment before its ticks. */
type SentPlace = Pick<Segment, 'publisher' | 'place' | 'previous'>;

/** Why a segment is not taken. */
export type Refused = 'duplicate' | 'gap';

/**
 * Decides which segments of a shard's log count: one whose previous frame was taken, and itself not
 * yet. Senders write again what they are not sure of, and two may write the same frame; so each
 * frame counts once and a publisher's frames count in order, whatever the order of the log.
 */
export class AcceptRule {
  /** The last place taken, by publisher; longest silent first. */
  readonly #last = new Map<string, FramePlace>();

  constructor(last: Iterable<readonly [publisher: string, place: FramePlace]> = []) {
    for (const [publisher, place] of last) this.#last.set(publisher, place);
  }

  /** Takes a segment, or says why not. */
  take({ publisher, place, previous }: SentPlace): Refused | undefined {
    const last = this.#last.get(publisher) ?? NO_PLACE;
    if (isAtMost(place, last)) return 'duplicate';
    if (!isAtMost(previous, last)) return 'gap';
    this.#last.delete(publisher);
    this.#last.set(publisher, place);
    if (this.#last.size > PUBLISHERS_MAX) {
      for (const oldest of this.#last.keys()) {
        this.#last.delete(oldest);
        break;
      }
    }
    return undefined;
  }

  /** For a snapshot, in order. */
  get last(): Iterable<readonly [publisher: string, place: FramePlace]> {
    return this.#last;
  }
}
