/** From snapshot and journal to the state of the last run. The only entry to this folder. */
export {
  continueAlerts,
  type FoundJournal,
  findJournal,
  hadRules,
  journalDirectory,
  planReplay,
  type RecoveredJournal,
  recoverJournal,
  rulesBefore,
} from './journal-start.ts';
