import { RuleTable } from '../../src/engine/index.ts';

/** What an engine without rules says of alerts. */
export const WITHOUT_ALERTS = {
  ruleTable: new RuleTable(),
  hasAlerts: () => false,
  lastAlert: () => 0,
};
