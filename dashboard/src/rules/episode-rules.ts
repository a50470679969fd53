import type { RuleRecord } from './rule-record.ts';

/** Whether alerts of a rule for a symbol are steps of episodes; else each is over at once. */
export function hasEpisodes(rules: readonly RuleRecord[], name: string, symbol: string): boolean {
  const rule = rules.find((each) => each.name === name);
  // Of a rule that is no longer in force, the ends have been told.
  if (rule === undefined) return true;
  let { episode } = rule.settings;
  for (const { symbols, settings } of rule.overrides) {
    if (settings.episode === undefined) continue;
    if (symbols.some((pattern) => matches(pattern, symbol))) episode = settings.episode;
  }
  return episode !== null;
}

/** As patterns of subscriptions: `*` stands for any run of characters. */
function matches(pattern: string, symbol: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === symbol;
  if (!symbol.startsWith(first) || !symbol.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = symbol.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at + last.length <= symbol.length;
}
