import { LEVEL_NAMES, type LevelName, PHASE_NAMES, type PhaseName } from '../protocol/index.ts';

export const SINK_FORMATS = ['json', 'slack', 'alertmanager'] as const;
export type SinkFormat = (typeof SINK_FORMATS)[number];

/** A sink as the rule file describes it. Frozen data: it goes to the thread of the sinks. */
export interface SinkSettings {
  /** Unique in the file: what was delivered is remembered by it. */
  readonly name: string;
  readonly kind: 'webhook';
  readonly format: SinkFormat;
  /** Exactly one of `url` and `urlEnv` is set. */
  readonly url: string | undefined;
  /** The variable that holds the URL, for URLs that are secrets. */
  readonly urlEnv: string | undefined;
  /** Names of rules; empty: all. */
  readonly rules: readonly string[];
  /** Empty: both. */
  readonly levels: readonly LevelName[];
  /** Empty: all. */
  readonly phases: readonly PhaseName[];
  /** The variable that holds the secret of signatures. */
  readonly secretEnv: string | undefined;
  /** Header → the variable that holds its value. */
  readonly headersEnv: Readonly<Record<string, string>>;
  /** Labels of every alert, for Alertmanager. */
  readonly labels: Readonly<Record<string, string>>;
  /** Alerts that wait. */
  readonly queueMax: number;
  /** Of one request, ms. */
  readonly timeoutMs: number;
  /** An alert that waited for so long is given up when an attempt fails, ms. */
  readonly retryForMs: number;
  /** From the start of an episode, Alertmanager has it as firing for at least so long, ms. */
  readonly firingMsMin: number;
}

/** What is wrong with a sink. */
export interface SinkFault {
  /** Such as `sinks[2].url`. */
  readonly where: string;
  readonly expected: string;
  readonly got: string;
}

/** Settings, and the fault of each that is wrong. */
export interface ReadSinks {
  readonly sinks: readonly SinkSettings[];
  readonly faults: readonly SinkFault[];
}

/** A key of a sink. */
interface Key {
  readonly expected: string;
  readonly fallback: unknown;
  readonly isValid: (value: unknown) => boolean;
  /** Whether a fault must not show the value. */
  readonly isSecret?: boolean;
  /** The formats that know it; absent: all. */
  readonly formats?: readonly SinkFormat[];
}

const NAME = /^[A-Za-z0-9._-]{1,32}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
const LABEL = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** Written by the sink itself, or by the HTTP client. */
const OWN_HEADERS =
  /^(x-tickwire-.*|content-(type|length|encoding)|host|connection|transfer-encoding|user-agent)$/i;
const OWN_LABELS = ['alertname', 'symbol', 'level', 'direction', 'tenant'];
/** Other variables with this prefix are settings: an unknown one is refused at the start. */
const SETTING = /^TICKWIRE_/;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const SINKS_MAX = 16;
export const EXPECTED_URL =
  'an https URL without user and password; http for 127.0.0.1, [::1] and localhost only';
const EXPECTED_VARIABLE =
  'the name of an environment variable such as ALERTS_SECRET (TICKWIRE_… are settings)';

const KEYS: Readonly<Record<keyof SinkSettings, Key>> = {
  name: {
    expected: '1 to 32 of A-Z a-z 0-9 . _ -, unique',
    fallback: undefined,
    isValid: (value) => typeof value === 'string' && NAME.test(value),
  },
  kind: {
    expected: '"webhook"',
    fallback: undefined,
    isValid: (value) => value === 'webhook',
  },
  format: {
    expected: SINK_FORMATS.map((format) => `"${format}"`).join(' or '),
    fallback: 'json',
    isValid: (value) => (SINK_FORMATS as readonly unknown[]).includes(value),
  },
  url: {
    expected: EXPECTED_URL,
    fallback: undefined,
    isValid: (value) => typeof value === 'string' && isSinkUrl(value),
    isSecret: true,
  },
  urlEnv: variable(),
  rules: {
    expected: 'names of rules of this file',
    fallback: [],
    isValid: (value) => isListOf(value, (item) => typeof item === 'string'),
  },
  levels: listOf(Object.values(LEVEL_NAMES)),
  phases: { ...listOf(Object.values(PHASE_NAMES)), formats: ['json', 'slack'] },
  secretEnv: variable(),
  headersEnv: {
    expected: `an object: headers but those of the sink itself, each with ${EXPECTED_VARIABLE}`,
    fallback: {},
    isValid: (value) =>
      isMapOf(value, (name) => HEADER.test(name) && !OWN_HEADERS.test(name), isVariable),
    // Somebody may have written the value of the header itself.
    isSecret: true,
  },
  labels: {
    expected: `an object: names of labels but ${OWN_LABELS.join(', ')}, each with a text`,
    fallback: {},
    isValid: (value) =>
      isMapOf(
        value,
        (name) => LABEL.test(name) && !OWN_LABELS.includes(name),
        (text) => typeof text === 'string' && text !== '' && text.length <= 256,
      ),
    formats: ['alertmanager'],
  },
  queueMax: integer(1, 100_000, 10_000),
  timeoutMs: integer(100, 2 * MINUTE_MS, 10_000),
  retryForMs: integer(0, 7 * DAY_MS, HOUR_MS),
  firingMsMin: { ...integer(0, HOUR_MS, MINUTE_MS), formats: ['alertmanager'] },
};

/**
 * Reads `sinks` of a rule file.
 *
 * @param value undefined: there are none
 * @param ruleNames the rules of the file
 * @returns the sinks without a fault, and every fault
 */
export function readSinks(value: unknown, ruleNames: readonly string[]): ReadSinks {
  if (value === undefined) return { sinks: [], faults: [] };
  if (!Array.isArray(value) || value.length > SINKS_MAX) {
    const got = Array.isArray(value) ? `${value.length}` : shown(value);
    return { sinks: [], faults: [{ where: 'sinks', expected: `at most ${SINKS_MAX} sinks`, got }] };
  }
  const sinks: SinkSettings[] = [];
  const faults: SinkFault[] = [];
  for (const [index, item] of value.entries()) {
    const place = `sinks[${index}]`;
    if (!isObject(item)) {
      faults.push({ where: place, expected: 'an object', got: shown(item) });
      continue;
    }
    const given = Object.fromEntries(Object.entries(item).filter(([, own]) => own !== undefined));
    const found = faultsOf(given, place, ruleNames);
    const settings = { ...DEFAULTS, ...(given as Partial<SinkSettings>) };
    const twin = sinks.find(({ name }) => name === settings.name);
    if (twin !== undefined) {
      const got = `"${twin.name}" again`;
      found.push({ where: `${place}.name`, expected: KEYS.name.expected, got });
    }
    faults.push(...found);
    if (found.length === 0) sinks.push(settings);
  }
  return { sinks, faults };
}

const DEFAULTS = Object.fromEntries(
  Object.entries(KEYS).map(([key, { fallback }]) => [key, fallback]),
) as unknown as SinkSettings;

function faultsOf(
  item: Readonly<Record<string, unknown>>,
  place: string,
  ruleNames: readonly string[],
): SinkFault[] {
  const faults: SinkFault[] = [];
  const { name, kind, format = 'json', url, urlEnv, rules } = item;
  const all = { ...item, name, kind };
  for (const [key, value] of Object.entries(all)) {
    const where = `${place}.${key}`;
    const facts = Object.hasOwn(KEYS, key) ? KEYS[key as keyof SinkSettings] : undefined;
    if (facts === undefined) {
      const expected = `one of ${Object.keys(KEYS).join(', ')}`;
      faults.push({ where, expected, got: 'an unknown key' });
    } else if (!facts.isValid(value)) {
      const got = facts.isSecret === true && value !== undefined ? 'something else' : shown(value);
      faults.push({ where, expected: facts.expected, got });
    } else if (facts.formats?.includes(format as SinkFormat) === false) {
      const formats = facts.formats.map((each) => `"${each}"`).join(' or ');
      faults.push({ where, expected: `the format ${formats}`, got: shown(format) });
    }
  }
  if ((url === undefined) === (urlEnv === undefined)) {
    const got = url === undefined ? 'neither' : 'both';
    faults.push({ where: place, expected: 'url or urlEnv', got });
  }
  if (isListOf(rules, (rule) => typeof rule === 'string')) {
    for (const rule of rules as readonly string[]) {
      if (ruleNames.includes(rule)) continue;
      faults.push({ where: `${place}.rules`, expected: KEYS.rules.expected, got: shown(rule) });
    }
  }
  return faults;
}

/** Whether alerts may be sent there: nobody between can read them or change where they go. */
export function isSinkUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  // What URL returns is normalized: 0x7f.1 is 127.0.0.1.
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  return url.protocol === 'http:' && isLoopback;
}

function variable(): Key {
  return { expected: EXPECTED_VARIABLE, fallback: undefined, isValid: isVariable };
}

function isVariable(value: unknown): boolean {
  return typeof value === 'string' && VARIABLE.test(value) && !SETTING.test(value);
}

function listOf(names: readonly string[]): Key {
  return {
    expected: `a list of ${names.map((name) => `"${name}"`).join(', ')}`,
    fallback: [],
    isValid: (value) => isListOf(value, (item) => names.includes(item as string)),
  };
}

function integer(min: number, max: number, fallback: number): Key {
  return {
    expected: `an integer from ${min} to ${max}`,
    fallback,
    isValid: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
  };
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

function isMapOf(
  value: unknown,
  isKey: (key: string) => boolean,
  isItem: (item: unknown) => boolean,
): boolean {
  return (
    isObject(value) && Object.entries(value).every(([key, item]) => isKey(key) && isItem(item))
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function formatSinkFault({ where, expected, got }: SinkFault): string {
  return `${where}: expected ${expected}, got ${got}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
