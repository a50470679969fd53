import type { Handler, QueryContext } from '../context.ts';
import { jsonResponse } from '../json.ts';
import { formatRfc3339 } from '../rfc-3339.ts';

/** `GET /api/rules`: the rules in force for the caller's tenant, and what they have done. */
export function rulesInForce({ engine }: QueryContext): Handler {
  return (_request, _symbol, client) => {
    const { rules } = engine;
    if (rules === undefined) return jsonResponse(200, { since: null, items: [] });
    const items = rules.file.rules.flatMap((rule, index) => {
      const { name, kind, tenant, symbols, settings, overrides } = rule;
      if (tenant !== client.identity.tenant) return [];
      const totals = rules.totals(rules.ids[index] as number);
      return { name, kind, symbols, settings, overrides, ...totals };
    });
    return jsonResponse(200, { since: formatRfc3339(rules.since), items });
  };
}
