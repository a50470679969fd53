import { EXPECTED_URL, isSinkUrl, type SinkFault, type SinkSettings } from './sink-settings.ts';

/** Where a sink sends, and what it proves itself with. Holds secrets: never logged or shown. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: requests are not signed. */
  readonly secret: string | undefined;
}

/** A sink that can be used. */
export interface SinkConfig {
  readonly settings: SinkSettings;
  readonly target: Target;
}

/** An environment such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Below it, a signature can be guessed from a sample. */
const SECRET_LENGTH_MIN = 16;

/**
 * Takes from the environment what sinks name there.
 *
 * @returns the usable sinks, and a fault for each variable that is missing or unsuitable
 */
export function resolveSinks(
  sinks: readonly SinkSettings[],
  env: Environment,
): { readonly sinks: readonly SinkConfig[]; readonly faults: readonly SinkFault[] } {
  const faults: SinkFault[] = [];
  const resolved: SinkConfig[] = [];
  for (const [index, settings] of sinks.entries()) {
    const before = faults.length;
    const read = (key: string, name: string, expected: string, isValid: Check): string => {
      // Files and shells leave a line break at the end.
      const value = env[name]?.replace(/[\r\n]+$/, '');
      if (value !== undefined && isValid(value)) return value;
      const got = value === undefined ? 'no such variable' : 'something else';
      const where = `sinks[${index}].${key}`;
      faults.push({ where, expected: `${expected} in ${name}`, got });
      return '';
    };
    const { url, urlEnv, secretEnv, headersEnv } = settings;
    const target: Target = {
      url: url ?? read('urlEnv', urlEnv ?? '', EXPECTED_URL, isSinkUrl),
      secret:
        secretEnv === undefined
          ? undefined
          : read('secretEnv', secretEnv, `at least ${SECRET_LENGTH_MIN} characters`, isSecret),
      headers: Object.fromEntries(
        Object.entries(headersEnv).map(([header, name]) => [
          header,
          read(`headersEnv.${header}`, name, 'the value of a header', isHeaderValue),
        ]),
      ),
    };
    if (faults.length === before) resolved.push({ settings, target });
  }
  return { sinks: resolved, faults };
}

/** The target without what may be a secret: path, query and headers. */
export function shownTarget({ url }: Pick<Target, 'url'>): string {
  return new URL(url).origin;
}

type Check = (value: string) => boolean;

const isSecret: Check = (value) => value.length >= SECRET_LENGTH_MIN;
const isHeaderValue: Check = (value) => value !== '' && HEADER_VALUE.test(value);
