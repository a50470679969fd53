import { type Alert, LEVEL_NAMES, namedAlert, PHASE_NAMES } from '../../protocol/index.ts';
import type { Handler, QueryContext } from '../context.ts';
import type { QueryParameters } from '../query-parameters.ts';
import { formatRfc3339 } from '../rfc-3339.ts';
import type { AlertDocument } from '../schemas.ts';
import * as schemas from '../schemas.ts';
import { type RecordAnswers, recentRecords, symbolRecords } from './record-pages.ts';
import type { StatisticsReader } from './statistics.ts';

const ANSWERS: RecordAnswers<Alert> = {
  columns: Object.keys(schemas.alert.shape),
  log: ({ alerts }) => alerts,
  store: ({ alerts }) => alerts,
  json: (alert, symbol): AlertDocument => namedAlert(alert, symbol, formatRfc3339),
  filter(parameters) {
    const rules = parameters.texts('rule');
    return {
      rule: rules.length > 0 ? rules : undefined,
      level: codes(parameters, 'level', LEVEL_NAMES),
      phase: codes(parameters, 'phase', PHASE_NAMES),
    };
  },
};

/** `GET /api/prices/{symbol}/alerts`: see {@link symbolRecords}. */
export function symbolAlerts(context: QueryContext, reader: StatisticsReader): Handler {
  return symbolRecords(ANSWERS, context, reader);
}

/** `GET /api/alerts`: see {@link recentRecords}. */
export function recentAlerts(context: QueryContext): Handler {
  return recentRecords(ANSWERS, context);
}

/** The codes of the names that a parameter has, which may be repeated; undefined: none. */
function codes<Code extends number>(
  parameters: QueryParameters,
  name: string,
  names: Readonly<Record<Code, string>>,
): readonly Code[] | undefined {
  const texts = parameters.texts(name);
  if (texts.length === 0) return undefined;
  const known = Object.entries<string>(names);
  return texts.flatMap((text) => {
    const found = known.find(([, value]) => value === text);
    if (found !== undefined) return [Number(found[0]) as Code];
    parameters.refuse(name, `one of ${known.map(([, value]) => value).join(', ')}`, text);
    return [];
  });
}
