/** From snapshot and journal to the state of the last run. The only entry to this folder. */
export {
  type FoundJournal,
  findJournal,
  journalDirectory,
  planReplay,
  type RecoveredJournal,
  recoverJournal,
} from './journal-start.ts';
