/** From snapshot and journal to the state of the last run. The only entry to this folder. */
export {
  continueAlerts,
  type FoundJournal,
  findJournal,
  journalDirectory,
  planReplay,
  type RecoveredJournal,
  recoverJournal,
  rulesBefore,
  rulesWithin,
} from './journal-start.ts';
