import { type Alert, isWildcard, patternMatcher, type RaisedRecord } from '../protocol/index.ts';

/** The names that a query wants, as data: it is applied on two threads. */
export interface NameFilter {
  /** What they begin with: their tenant's prefix. */
  readonly prefix: string;
  /** What none of them begins with: the names of other tenants, where the prefix is empty. */
  readonly foreign: string | undefined;
  /** Symbols and patterns: what follows the prefix must match one of each list. */
  readonly lists: readonly (readonly string[])[];
  /** Values of fields that alerts must have, one of each list. */
  readonly alerts?: AlertFilter | undefined;
}

export type AlertFilter = {
  readonly [field in 'rule' | 'level' | 'phase']?: readonly Alert[field][] | undefined;
};

/** A test for the names that a filter wants. */
export function nameMatcher({ prefix, foreign, lists }: NameFilter): (name: string) => boolean {
  const matchers = lists.map(anyOf);
  return (name) => {
    if (!name.startsWith(prefix)) return false;
    if (foreign !== undefined && name.startsWith(foreign)) return false;
    const symbol = name.slice(prefix.length);
    return matchers.every((matches) => matches(symbol));
  };
}

/** A test for the records that a filter wants, beside their names. */
export function recordMatcher({ alerts }: NameFilter): (record: RaisedRecord) => boolean {
  const lists = Object.entries(alerts ?? {}).filter(([, list]) => list !== undefined);
  return (record) => {
    const fields = record as unknown as Record<string, unknown>;
    return lists.every(([field, list]) => (list as readonly unknown[]).includes(fields[field]));
  };
}

function anyOf(patterns: readonly string[]): (symbol: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !isWildcard(pattern)));
  const matchers = patterns.filter(isWildcard).map(patternMatcher);
  return (symbol) => exact.has(symbol) || matchers.some((matches) => matches(symbol));
}
