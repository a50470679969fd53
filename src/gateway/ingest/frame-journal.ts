import type { TickJournal, WrittenJournal } from './tick-journal.ts';

/**
 * What takes the frames of publishers before they have an effect: the journal of this server, or
 * the logs of a cluster. A frame is durable once `syncedPosition` has reached its `position`.
 */
export type FrameJournal = Pick<
  TickJournal,
  | 'add'
  | 'append'
  | 'appendClock'
  | 'appendRules'
  | 'begin'
  | 'declareSymbol'
  | 'fault'
  | 'freeTicks'
  | 'isInGap'
  | 'listen'
  | 'position'
  | 'precedesOffers'
  | 'retire'
  | 'start'
  | 'syncedPosition'
  | 'wantSynced'
> & {
  /** Undefined: it is not on this machine. */
  readonly figures: WrittenJournal['figures'] | undefined;
};

/** What has to be on disk for the frame just accepted to be durable: its end in the journal. */
export function endOfFrame(journal: FrameJournal | undefined): number {
  // A frame that is not in the journal is durable with the next snapshot.
  return journal === undefined || journal.isInGap ? Number.POSITIVE_INFINITY : journal.position;
}
