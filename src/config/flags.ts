import { Command, CommanderError, Option } from 'commander';
import { createSuggester, SUGGESTIONS_MAX, showValue, truncate } from './faults.ts';
import {
  API_KEY_OPTIONS,
  type IssueOption,
  type IssueValue,
  TOKEN_OPTIONS,
} from './issue-options.ts';
import { CONFIG_KEYS, type ConfigKey, parseText, type Setting, type Settings } from './keys.ts';
import { tickwireVersion } from './version.ts';

/** The parsed command line. */
export interface Flags extends Settings {
  readonly kind: 'run' | 'token' | 'api-key' | 'doctor';
  /** The output of `--help` or `--version`, which win over everything else. */
  readonly text: string | undefined;
  readonly printsConfig: boolean;
  /** The value of `--config`. */
  readonly configFile: string | undefined;
  /** Options of `token` and `api-key`. */
  readonly issue: ReadonlyMap<string, IssueValue>;
}

const HELP_COLUMNS = 100;

const SETTINGS_HELP = `
Every setting is a flag (--server.port=9001 or --server.port 9001), an environment variable, and a
key of the JSON file ({"server": {"port": 9001}}). Flags win over variables, variables over the
file, the file over the defaults.`;

const SWITCHES = ['help', 'version', 'print-config', 'operator'];
const showFlag = (name: string) => `--${name}`;

const suggestSetting = createSuggester(
  [...CONFIG_KEYS.map(({ path }) => path), 'config', ...SWITCHES.slice(0, 3)],
  showFlag,
);
const SUGGESTERS = {
  run: suggestSetting,
  doctor: suggestSetting,
  token: createSuggester(['operator', ...TOKEN_OPTIONS.map(({ name }) => name)], showFlag),
  'api-key': createSuggester(['operator', ...API_KEY_OPTIONS.map(({ name }) => name)], showFlag),
};

/**
 * Reads a command line without the program itself: `--section.key=value`, `--section.key value`,
 * `--config FILE`, switches, and the commands `token` and `api-key`. The last of repeated flags
 * counts.
 *
 * Commander parses and prints help. Faults are collected here: commander would stop at the first.
 */
export function readFlags(argv: readonly string[]): Flags {
  const reader = new FlagReader(argv);
  reader.read();
  return reader;
}

const VALUE_FLAGS: ReadonlySet<string> = new Set(
  [
    'config',
    ...CONFIG_KEYS.map(({ path }) => path),
    ...[...TOKEN_OPTIONS, ...API_KEY_OPTIONS].map(({ name }) => name),
  ].map(showFlag),
);

/**
 * Writes `--key -value` as `--key=-value`: a secret may begin with a dash, and commander would take
 * it for a flag. A value with two dashes stays one: there the value was probably forgotten.
 */
function joinDashedValues(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of argv) {
    const flag = joined.at(-1) ?? '';
    const isValue = /^-[^-]/.test(arg) && arg !== '-h' && VALUE_FLAGS.has(flag);
    if (isValue) joined[joined.length - 1] = `${flag}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

class FlagReader implements Flags {
  readonly settings: Setting[] = [];
  readonly faults: string[] = [];
  readonly issue = new Map<string, IssueValue>();
  kind: Flags['kind'] = 'run';
  text: string | undefined;
  printsConfig = false;
  configFile: string | undefined;
  readonly #argv: readonly string[];

  constructor(argv: readonly string[]) {
    this.#argv = argv;
  }

  read(): void {
    try {
      this.#program().parse(joinDashedValues(this.#argv), { from: 'user' });
    } catch (error) {
      // --help and --version end parsing.
      if (!(error instanceof CommanderError) || this.text === undefined) throw error;
    }
  }

  #program(): Command {
    const program = new Command('tickwire')
      .description('A real-time market-data push server.')
      .usage('[flags]\n       tickwire token|api-key|doctor [flags]')
      .exitOverride()
      .allowUnknownOption()
      .allowExcessArguments()
      .configureOutput({ writeOut: (text) => this.#print(text) })
      .configureHelp({
        helpWidth: HELP_COLUMNS,
        optionTerm: ({ flags }) => flags.replace(' [value]', '').replace(/\[(.*)\]$/, '$1'),
      })
      .version(tickwireVersion(), '--version', 'print the version and exit')
      .helpOption('-h, --help', 'print this and exit')
      .helpCommand(false)
      .addHelpText('after', SETTINGS_HELP)
      .action((_options, command: Command) => this.#finish('run', command));
    const file =
      'read this JSON file; default: TICKWIRE_CONFIG, or tickwire.config.json if it exists';
    this.#addOption(program, new Option('--config [FILE]', file), 'a file', (text) => {
      this.configFile = text;
    });
    program
      .option('--print-config', 'print the effective settings and where each came from, and exit')
      .on('option:print-config', () => {
        this.printsConfig = true;
      });
    for (const key of CONFIG_KEYS) this.#addKey(program, key);
    program
      .command('doctor')
      .description('Examines this machine and the configuration. Takes settings as flags, too.')
      .summary('examine this machine and the configuration, without starting a server')
      .usage('[flags]')
      .allowUnknownOption()
      .allowExcessArguments()
      .action((_options, self: Command) => this.#finish('doctor', self));
    this.#addIssueCommand(program, 'token', 'print a token signed with auth.jwtSecret');
    this.#addIssueCommand(program, 'api-key', 'print a new API key, and its entry to stderr');
    return program;
  }

  #print(text: string): void {
    this.text = `${this.text === undefined ? '' : `${this.text}\n`}${text.trimEnd()}`;
  }

  #addKey(program: Command, key: ConfigKey): void {
    const { path, facts, defaultValue, environmentName } = key;
    const unit = facts.unit === undefined ? '' : ` ${facts.unit}`;
    const option = new Option(
      `--${path} [value]`,
      `${facts.description} Takes ${facts.expected}. ${environmentName}`,
    )
      .default(defaultValue, `${showValue(defaultValue)}${unit}`)
      .helpGroup(`${key.section}:`);
    this.#addOption(program, option, facts.expected, (text) => {
      const flag = `--${path}`;
      this.settings.push({ key, value: parseText(key, text), source: flag, place: flag });
    });
  }

  #addIssueCommand(program: Command, kind: 'token' | 'api-key', description: string): void {
    const command = program
      .command(kind)
      .description(`${description[0]?.toUpperCase()}${description.slice(1)}.`)
      .summary(description)
      .usage('[flags]')
      .allowUnknownOption()
      .allowExcessArguments()
      .addHelpText(
        'after',
        '\nPermissions that are not given are denied. Takes settings as flags, too.',
      )
      .action((_options, self: Command) => this.#finish(kind, self));
    for (const each of kind === 'token' ? TOKEN_OPTIONS : API_KEY_OPTIONS) {
      this.#addIssueOption(command, each);
    }
    command
      .option('--operator', 'it may read data of all tenants, and metrics')
      .on('option:operator', () => this.issue.set('operator', true));
  }

  #addIssueOption(command: Command, { name, value, description, expected, parse }: IssueOption) {
    const option = new Option(`--${name} [${value}]`, description);
    this.#addOption(command, option, expected, (text) => {
      const parsed = parse(text);
      if (parsed !== undefined) this.issue.set(name, parsed);
      else this.faults.push(`--${name}: expected ${expected}, got ${showValue(text)}`);
    });
  }

  /**
   * Adds an option whose value is optional for commander, so that a missing one is reported here.
   */
  #addOption(
    command: Command,
    option: Option,
    expected: string,
    take: (text: string) => void,
  ): void {
    command.addOption(option).on(`option:${option.name()}`, (text: string | null) => {
      if (text !== null) take(text);
      else this.faults.push(`--${option.name()}: expected ${expected}, got nothing`);
    });
  }

  #finish(kind: Flags['kind'], command: Command): void {
    this.kind = kind;
    this.#refuse(command.args);
    const options = { token: TOKEN_OPTIONS, 'api-key': API_KEY_OPTIONS, run: [], doctor: [] };
    const [required] = options[kind];
    if (required !== undefined && !this.issue.has(required.name) && this.faults.length === 0) {
      this.faults.push(`--${required.name}: expected ${required.expected}, got nothing`);
    }
  }

  /** Reports unknown flags and stray arguments. */
  #refuse(args: readonly string[]): void {
    // A secret given as `--key value` may be cut at a space or taken for a flag: show nothing.
    const mayBeSecret = CONFIG_KEYS.some(
      ({ path, facts }) => facts.isSecret === true && this.#argv.includes(`--${path}`),
    );
    let isValue = false;
    for (const arg of args) {
      if (arg.startsWith('-') && arg !== '-') {
        const at = arg.indexOf('=');
        const flag = at < 0 ? arg : arg.slice(0, at);
        this.#refuseFlag(flag, at < 0 ? undefined : arg.slice(at + 1), mayBeSecret);
        // What follows an unknown flag is probably its value: one fault is enough.
        isValue = at < 0;
      } else {
        const shown = mayBeSecret ? 'after the value of a secret' : showValue(arg);
        if (!isValue) this.faults.push(`unexpected argument ${shown}: every setting is a flag`);
        isValue = false;
      }
    }
  }

  #refuseFlag(flag: string, value: string | undefined, mayBeSecret: boolean): void {
    const name = flag.replace(/^-+/, '');
    if (mayBeSecret) {
      this.faults.push('unknown flag after the value of a secret');
    } else if (value !== undefined && SWITCHES.includes(name)) {
      this.faults.push(`${flag}: takes no value, got ${showValue(value)}`);
    } else {
      const hint = this.faults.length < SUGGESTIONS_MAX ? this.#suggest(name) : '';
      this.faults.push(`${truncate(flag)}: unknown flag${hint}`);
    }
  }

  #suggest(name: string): string {
    return SUGGESTERS[name.includes('.') ? 'run' : this.kind](name);
  }
}
