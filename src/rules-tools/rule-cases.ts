import {
  DIRECTION_NAMES,
  LEVEL_NAMES,
  PHASE_NAMES,
  REASON_NAMES,
  validateSymbol,
} from '../protocol/index.ts';
import { JsonFields, type RuleFault, showJson } from '../rules/index.ts';

/** A tick, or the clock without one. Times are ms since the epoch. */
export type CaseStep =
  | { readonly kind: 'tick'; readonly time: number; readonly price: number }
  | { readonly kind: 'clock'; readonly time: number };

/** Some of an alert's fields, with the names and values of HTTP; times in ms since the epoch. */
export type ExpectedAlert = Readonly<Record<string, string | number>>;

/** Ticks of a symbol, and the alerts that they must raise. */
export interface RuleCase {
  readonly name: string;
  /** Empty: the default one. */
  readonly tenant: string;
  readonly symbol: string;
  readonly steps: readonly CaseStep[];
  readonly alerts: readonly ExpectedAlert[];
}

/** A file of examples. */
export interface CaseFile {
  /** A path beside the file, or the content of a rule file. */
  readonly rules: string | object;
  readonly cases: readonly RuleCase[];
}

const TIME = 'a time: ms since the epoch, or text such as "2026-01-05T14:30:00Z"';
const STEP = '[time, price] or { "clock": time }';

const number = (value: unknown) =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
const list = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : undefined);

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : value;
  return typeof time === 'number' && Number.isFinite(time) && time >= 0 ? time : undefined;
}

interface Field {
  readonly expected: string;
  readonly parse: (value: unknown) => string | number | undefined;
}

const NUMBER: Field = { expected: 'a number', parse: number };
const TEXT: Field = { expected: 'a text', parse: text };
const MOMENT: Field = { expected: TIME, parse: timeOf };

function oneOf(names: Readonly<Record<string, string | undefined>>): Field {
  const known = Object.values(names).filter((name) => name !== undefined);
  const parse = (value: unknown) => known.find((name) => name === value);
  return { expected: `one of ${known.join(', ')}`, parse };
}

const ALERT_FIELDS: Readonly<Record<string, Field>> = {
  rule: TEXT,
  kind: TEXT,
  phase: oneOf(PHASE_NAMES),
  level: oneOf(LEVEL_NAMES),
  direction: oneOf(DIRECTION_NAMES),
  reason: oneOf(REASON_NAMES),
  time: MOMENT,
  startTime: MOMENT,
  sequence: NUMBER,
  episode: NUMBER,
  reference: NUMBER,
  price: NUMBER,
  changePercent: NUMBER,
  peak: NUMBER,
  count: NUMBER,
};

/** Reads the text of a file of examples. Faults: everything that is wrong with it. */
export function parseCases(content: string): { file: CaseFile; faults: readonly RuleFault[] } {
  const faults: RuleFault[] = [];
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    const got = (error as Error).message;
    faults.push({ where: 'the file', expected: 'JSON', got });
    return { file: { rules: '', cases: [] }, faults };
  }
  const fields = new JsonFields('', value, faults);
  const rules = fields.need('rules', 'the path of a rule file, or its content', rulesOf) ?? '';
  const given = fields.need('cases', 'a list of cases, at least one', filled) ?? [];
  fields.end(['rules', 'cases']);
  const cases = given.map((one, index) => readCase(`cases[${index}]`, one, faults));
  return { file: { rules, cases }, faults };
}

function rulesOf(value: unknown): string | object | undefined {
  if (Array.isArray(value)) return undefined;
  return typeof value === 'object' && value !== null ? value : text(value);
}

/** A file without cases would pass without having been tried. */
function filled(value: unknown): unknown[] | undefined {
  const items = list(value);
  return items?.length === 0 ? undefined : items;
}

function readCase(where: string, value: unknown, faults: RuleFault[]): RuleCase {
  const fields = new JsonFields(where, value, faults);
  const name = fields.need('name', 'a text', text) ?? '';
  const tenant = fields.read('tenant', '1 to 32 of A-Z a-z 0-9 . _ -', tenantOf) ?? '';
  const symbol = fields.need('symbol', 'a symbol', symbolOf) ?? '';
  const ticks = fields.need('ticks', `a list of ${STEP}`, list) ?? [];
  const alerts = fields.need('alerts', 'a list of alerts; [] for none', list) ?? [];
  fields.end(['name', 'tenant', 'symbol', 'ticks', 'alerts']);
  return {
    name,
    tenant,
    symbol,
    steps: readSteps(fields.at('ticks'), ticks, faults),
    alerts: alerts.map((one, index) => readAlert(`${fields.at('alerts')}[${index}]`, one, faults)),
  };
}

function tenantOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9._-]{1,32}$/.test(value) ? value : undefined;
}

function symbolOf(value: unknown): string | undefined {
  return typeof value === 'string' && validateSymbol(value) === undefined ? value : undefined;
}

function readSteps(where: string, given: readonly unknown[], faults: RuleFault[]): CaseStep[] {
  let newest = 0;
  return given.flatMap((value, index) => {
    const step = stepOf(value);
    const at = `${where}[${index}]`;
    if (step === undefined) {
      faults.push({ where: at, expected: `${STEP}; ${TIME}`, got: showJson(value) });
      return [];
    }
    if (step.kind === 'clock' && step.time < newest) {
      const expected = `a clock of at least ${newest}, the newest time before`;
      faults.push({ where: at, expected, got: `${step.time}` });
    }
    newest = Math.max(newest, step.time);
    return [step];
  });
}

function stepOf(value: unknown): CaseStep | undefined {
  if (Array.isArray(value)) {
    const [time, price] = [timeOf(value[0]), number(value[1])];
    if (value.length !== 2 || time === undefined || price === undefined) return undefined;
    return price > 0 ? { kind: 'tick', time, price } : undefined;
  }
  const clock = (value as { readonly clock?: unknown } | null)?.clock;
  const time = timeOf(clock);
  const isClock = time !== undefined && Object.keys(value as object).length === 1;
  return isClock ? { kind: 'clock', time } : undefined;
}

function readAlert(where: string, value: unknown, faults: RuleFault[]): ExpectedAlert {
  const fields = new JsonFields(where, value, faults);
  const alert: Record<string, string | number> = {};
  for (const [name, { expected, parse }] of Object.entries(ALERT_FIELDS)) {
    const read = fields.read(name, expected, parse);
    if (read !== undefined) alert[name] = read;
  }
  fields.end(Object.keys(ALERT_FIELDS));
  return alert;
}
