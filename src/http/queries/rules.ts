import { createHash } from 'node:crypto';
import { overrideWords, ruleWords } from '../../rules/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import { jsonResponse } from '../json.ts';
import { formatRfc3339 } from '../rfc-3339.ts';

/** Enough to tell files apart, and to compare with what `sha256sum` prints. */
const VERSION_DIGITS = 12;

/** `GET /api/rules`: the rules in force for the caller's tenant, and what they have done. */
export function rulesInForce({ engine, health }: QueryContext): Handler {
  const versionOf = fileVersions();
  return (_request, _symbol, client) => {
    const { rules } = engine;
    const refused = health.rulesFault ?? null;
    if (rules === undefined) {
      return jsonResponse(200, { since: null, version: null, refused, items: [] });
    }
    const items = rules.file.rules.flatMap((rule, index) => {
      const { name, kind, tenant, symbols, settings, overrides } = rule;
      if (tenant !== client.identity.tenant) return [];
      const meaning = [...ruleWords(kind, settings), ...overrides.map(overrideWords)];
      const totals = rules.totals(rules.ids[index] as number);
      return { name, kind, symbols, settings, overrides, meaning, ...totals };
    });
    const since = formatRfc3339(rules.since);
    return jsonResponse(200, { since, version: versionOf(rules.text), refused, items });
  };
}

/** The version of a file's text; that of the last one is remembered. */
function fileVersions(): (text: string) => string {
  let last: { readonly text: string; readonly version: string } | undefined;
  return (text) => {
    if (last?.text !== text) {
      const digest = createHash('sha256').update(text).digest('hex');
      last = { text, version: digest.slice(0, VERSION_DIGITS) };
    }
    return last.version;
  };
}
