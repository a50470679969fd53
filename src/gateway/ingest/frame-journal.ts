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
