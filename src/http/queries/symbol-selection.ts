import type { Client } from '../../gateway/sessions/client.ts';
import {
  isWildcard,
  patternMatcher,
  validatePattern,
  validateSymbol,
} from '../../protocol/index.ts';
import type { HttpAccess } from '../access.ts';
import { LIMIT_MAX, type QueryParameters } from '../query-parameters.ts';

/** Patterns with `*` in a query: each is compared with each symbol. */
const WILDCARDS_MAX = 16;

/** The symbols that a query names. */
export interface SymbolSelection {
  /** Those without a pattern, in the order of code units. */
  readonly names: readonly string[];
  /** Those with a pattern. */
  readonly patterns: readonly string[];
  readonly hasPatterns: boolean;
  readonly matches: (symbol: string) => boolean;
}

/**
 * Reads `symbol`, a symbol, which may be repeated; and `symbols`, symbols and patterns separated by
 * commas. Undefined without both. Faults go to `parameters`.
 */
export function readSelection(parameters: QueryParameters): SymbolSelection | undefined {
  const single = parameters.texts('symbol');
  const lists = parameters.texts('symbols');
  if (single.length + lists.length === 0) return undefined;
  const names = new Set<string>();
  const patterns = new Set<string>();
  for (const symbol of new Set(single)) {
    if (validateSymbol(symbol) !== undefined) parameters.refuse('symbol', 'a symbol', symbol);
    names.add(symbol);
  }
  for (const entry of new Set(lists.flatMap((list) => list.split(',')))) {
    if (validatePattern(entry) !== undefined) {
      parameters.refuse('symbols', 'symbols or patterns separated by commas', entry);
    }
    (isWildcard(entry) ? patterns : names).add(entry);
  }
  if (names.size > LIMIT_MAX) {
    parameters.refuse('symbols', `at most ${LIMIT_MAX} symbols`, `${names.size}`);
  }
  if (patterns.size > WILDCARDS_MAX) {
    parameters.refuse('symbols', `at most ${WILDCARDS_MAX} patterns with *`, `${patterns.size}`);
  }
  const matchers = [...patterns].map(patternMatcher);
  return {
    names: [...names].sort(),
    patterns: [...patterns],
    hasPatterns: patterns.size > 0,
    matches: (symbol) => names.has(symbol) || matchers.some((matches) => matches(symbol)),
  };
}

/** @throws RequestProblem 403 for a symbol, named without a pattern, that it may not read */
export function checkReadable(
  selection: SymbolSelection | undefined,
  client: Client,
  access: HttpAccess,
): void {
  const forbidden = selection?.names.find((symbol) => !client.canRead(symbol));
  if (forbidden !== undefined) throw access.forbidden(client, 'read', forbidden);
}
