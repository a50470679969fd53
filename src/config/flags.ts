import { Command, CommanderError, Option } from 'commander';
import { BACKTEST_OPTIONS } from './backtest-options.ts';
import {
  CHECKED_SYMBOLS,
  type CommandOption,
  type OptionValue,
  RULE_FILE,
} from './command-options.ts';
import { createSuggester, SUGGESTIONS_MAX, showValue, truncate } from './faults.ts';
import { API_KEY_OPTIONS, TOKEN_OPTIONS } from './issue-options.ts';
import { EXPORT_OPTIONS, REPLAY_OPTIONS } from './journal-options.ts';
import { CONFIG_KEYS, type ConfigKey, parseText, type Setting, type Settings } from './keys.ts';
import { tickwireVersion } from './version.ts';

/** The parsed command line. */
export interface Flags extends Settings {
  readonly kind: CommandKind;
  /** The output of `--help` or `--version`, which win over everything else. */
  readonly text: string | undefined;
  readonly printsConfig: boolean;
  /** The value of `--config`. */
  readonly configFile: string | undefined;
  /** Options of the command that are not settings. */
  readonly options: ReadonlyMap<string, OptionValue>;
}

/** The words that begin the command; `run` without any. */
export type CommandKind =
  | 'run'
  | 'token'
  | 'api-key'
  | 'doctor'
  | 'cluster import'
  | 'cluster mapping'
  | 'journal info'
  | 'journal verify'
  | 'journal export'
  | 'replay'
  | 'sinks test'
  | 'rules check'
  | 'rules test'
  | 'backtest';

interface CommandFacts {
  readonly summary: string;
  readonly options: readonly CommandOption[];
  /** What its only argument, the option `file`, is. */
  readonly file?: string;
  /** Its options without a value, and what each does. */
  readonly switches?: readonly (readonly [name: string, description: string])[];
  /** Whether its first option must be given. */
  readonly isFirstRequired?: boolean;
  /** Below its options. */
  readonly note?: string;
}

const OPERATOR = ['operator', 'it may read data of all tenants, and metrics'] as const;
const ISSUE = {
  switches: [OPERATOR],
  isFirstRequired: true,
  note: 'Permissions that are not given are denied. ',
};

const COMMANDS: Readonly<Record<Exclude<CommandKind, 'run'>, CommandFacts>> = {
  doctor: {
    summary: 'examine this machine and the configuration, without starting a server',
    options: [],
  },
  'cluster import': {
    summary: 'begin a cluster with the store of a server that was stopped',
    options: [],
  },
  'cluster mapping': {
    summary: 'print what NATS servers need for publishers that are NATS clients',
    options: [],
  },
  token: {
    summary: 'print a token signed with auth.jwtSecret',
    options: TOKEN_OPTIONS,
    ...ISSUE,
  },
  'api-key': {
    summary: 'print a new API key, and its entry to stderr',
    options: API_KEY_OPTIONS,
    ...ISSUE,
  },
  'journal info': { summary: 'say what the journal holds', options: [] },
  'journal verify': { summary: 'say it, and check every byte of the journal', options: [] },
  'journal export': {
    summary: 'print the ticks of the journal',
    options: EXPORT_OPTIONS,
  },
  replay: {
    summary: 'publish the ticks of the journal to another server',
    options: REPLAY_OPTIONS,
    switches: [['shift-to-now', 'move times: the first tick is of now, the others follow']],
  },
  'sinks test': {
    summary: 'send an alert through each sink of a rule file, and print what came back',
    options: [RULE_FILE],
    isFirstRequired: true,
  },
  'rules check': {
    summary: 'say what is wrong with a rule file, or what it means',
    options: [CHECKED_SYMBOLS],
    file: 'a rule file',
  },
  'rules test': {
    summary: 'run examples, ticks in and alerts out, of a rule file',
    options: [],
    file: 'a file of examples',
  },
  backtest: {
    summary: 'say what a rule file would have said about recorded ticks',
    options: BACKTEST_OPTIONS,
    switches: [
      ['json', 'print JSON, with every alert'],
      ['clock', 'let a clock end what ends by time, as a server does: the time of the ticks'],
    ],
    isFirstRequired: true,
  },
};

const HELP_COLUMNS = 100;

const SETTINGS_HELP = `
Every setting is a flag (--server.port=9001 or --server.port 9001), an environment variable, and a
key of the JSON file ({"server": {"port": 9001}}). Flags win over variables, variables over the
file, the file over the defaults.`;

const SWITCHES = ['help', 'version', 'print-config', 'operator', 'shift-to-now', 'json', 'clock'];
const showFlag = (name: string) => `--${name}`;

const suggestSetting = createSuggester(
  [...CONFIG_KEYS.map(({ path }) => path), 'config', ...SWITCHES.slice(0, 3)],
  showFlag,
);

function suggesterOf(kind: CommandKind): (name: string) => string {
  if (kind === 'run') return suggestSetting;
  const { options, switches = [] } = COMMANDS[kind];
  if (options.length === 0) return suggestSetting;
  const names = options.map(({ name }) => name);
  return createSuggester([...switches.map(([name]) => name), ...names], showFlag);
}

/**
 * Reads a command line without the program itself: `--section.key=value`, `--section.key value`,
 * `--config FILE`, switches, and commands. The last of repeated flags counts.
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
    ...Object.values(COMMANDS).flatMap(({ options }) => options.map(({ name }) => name)),
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
  readonly options = new Map<string, OptionValue>();
  kind: CommandKind = 'run';
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
      .usage(
        '[flags]\n       tickwire token|api-key|doctor|cluster|journal|replay|backtest|rules|' +
          'sinks|feed [flags]',
      )
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
    const parents: Readonly<Record<string, Command>> = {
      journal: this.#addParent(program, 'journal', {
        words: 'info, verify or export',
        summary: 'info, verify or export: read the journal',
        description: 'Reads the journal of store.directory. A server may be writing it.',
      }),
      cluster: this.#addParent(program, 'cluster', {
        words: 'import or mapping',
        summary: 'import or mapping: begin a cluster with a store, or print what brokers need',
        description: 'Works on a cluster.',
      }),
      rules: this.#addParent(program, 'rules', {
        words: 'check or test',
        summary: 'check or test: examine a rule file, or run its examples',
        description: 'Examines rule files.',
      }),
      sinks: this.#addParent(program, 'sinks', {
        words: 'test',
        summary: 'test: send an alert through each sink of a rule file',
        description: 'Tries the sinks of a rule file.',
      }),
    };
    program
      .command('feed')
      .summary('publish the trades of live venues to a server')
      .allowUnknownOption()
      .allowExcessArguments()
      // It has no settings: `readCommandLine` takes it before flags are read.
      .action(() => {
        this.faults.push('feed: must be the first word');
      });
    for (const kind of Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]) {
      const [word = kind, action] = kind.split(' ');
      const parent = action === undefined ? program : (parents[word] ?? program);
      this.#addCommand(parent, action ?? word, kind);
    }
    return program;
  }

  /** Adds the first word of commands of two. */
  #addParent(
    program: Command,
    word: string,
    { words, summary, description }: Readonly<Record<'words' | 'summary' | 'description', string>>,
  ): Command {
    return program
      .command(word)
      .description(description)
      .summary(summary)
      .usage(`${words.replaceAll(/, | or /g, '|')} [flags]`)
      .allowUnknownOption()
      .allowExcessArguments()
      .action((_options, { args: [given] }: Command) => {
        const shown = given === undefined ? 'nothing' : showValue(given);
        this.faults.push(`${word}: expected ${words}, got ${shown}`);
      });
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

  #addCommand(parent: Command, word: string, kind: keyof typeof COMMANDS): void {
    const { summary, options, file, switches = [], note = '' } = COMMANDS[kind];
    const command = parent
      .command(word)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .summary(summary)
      .usage(file === undefined ? '[flags]' : 'FILE [flags]')
      .allowUnknownOption()
      .allowExcessArguments()
      .addHelpText('after', `\n${note}Takes settings as flags, too.`)
      .action((_options, self: Command) => this.#finish(kind, self));
    for (const each of options) this.#addCommandOption(command, each);
    for (const [name, description] of switches) {
      command
        .option(`--${name}`, description)
        .on(`option:${name}`, () => this.options.set(name, true));
    }
  }

  #addCommandOption(
    command: Command,
    { name, value, description, expected, isRepeatable, parse }: CommandOption,
  ): void {
    const option = new Option(`--${name} [${value}]`, description);
    this.#addOption(command, option, expected, (text) => {
      const parsed = parse(text);
      const before = isRepeatable === true ? this.options.get(name) : undefined;
      if (Array.isArray(before) && Array.isArray(parsed)) {
        this.options.set(name, [...before, ...parsed]);
      } else if (parsed !== undefined) this.options.set(name, parsed);
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

  #finish(kind: CommandKind, command: Command): void {
    this.kind = kind;
    const file = kind === 'run' ? undefined : COMMANDS[kind].file;
    this.#refuse(file === undefined ? command.args : this.#takeFile(command.args));
    if (file !== undefined && !this.options.has('file') && this.faults.length === 0) {
      this.faults.push(`expected ${file}, got nothing`);
    }
    if (kind === 'run' || COMMANDS[kind].isFirstRequired !== true) return;
    const [required] = COMMANDS[kind].options;
    if (required !== undefined && !this.options.has(required.name) && this.faults.length === 0) {
      this.faults.push(`--${required.name}: expected ${required.expected}, got nothing`);
    }
  }

  /** Takes the first argument that is not a flag, nor perhaps an unknown flag's value. */
  #takeFile(args: readonly string[]): readonly string[] {
    const isFlag = (arg: string | undefined) => arg?.startsWith('-') === true && arg !== '-';
    const at = args.findIndex((arg, index) => !isFlag(arg) && !isFlag(args[index - 1]));
    if (at < 0) return args;
    this.options.set('file', args[at] as string);
    return args.toSpliced(at, 1);
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
    return suggesterOf(name.includes('.') ? 'run' : this.kind)(name);
  }
}
