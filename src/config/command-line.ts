import type { OptionValue } from './command-options.ts';
import { ConfigError } from './faults.ts';
import { type CommandKind, type Flags, readFlags } from './flags.ts';
import { CONFIG_KEYS } from './keys.ts';
import { type Environment, resolveSources } from './load.ts';
import type { ResolvedConfig } from './parse-config.ts';
import type { Config } from './schema.ts';

/** The command to execute: one of the program's, or print a text and succeed or fail. */
export type Command =
  | ({ readonly kind: 'run' } & Configured)
  | ({ readonly kind: 'doctor' } & Configured)
  | ({ readonly kind: 'cluster import' } & Configured)
  | ({ readonly kind: 'cluster mapping' } & Configured)
  | ({ readonly kind: JournalCommandKind } & WithOptions)
  | { readonly kind: 'sinks test'; readonly options: ReadonlyMap<string, OptionValue> }
  /** Has options of its own, behind the word. */
  | { readonly kind: 'feed'; readonly argv: readonly string[] }
  | ({ readonly kind: 'backtest' } & WithOptions)
  | ({ readonly kind: 'rules check' } & WithOptions)
  | ({ readonly kind: 'rules test' } & WithOptions)
  | { readonly kind: 'token' | 'api-key'; readonly config: Config; readonly request: IssueFlags }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'fail'; readonly message: string };

export type JournalCommandKind = Extract<CommandKind, `journal ${string}` | 'replay'>;

interface Configured {
  readonly config: Config;
  readonly warnings: readonly string[];
}

interface WithOptions extends Configured {
  /** Those of the command that are not settings. */
  readonly options: ReadonlyMap<string, OptionValue>;
}

/** The token or API key to issue. */
export interface IssueFlags {
  readonly name: string;
  /** Members of a token's claim; their values are unchecked. */
  readonly permissions: Readonly<Record<string, OptionValue>>;
  /** Undefined: unlimited. */
  readonly lifetimeMs: number | undefined;
}

const TOKEN_LIFETIME_MS = 3_600_000;

/**
 * Reads the command line (without the program itself), the environment and the configuration file.
 *
 * `--help` and `--version` take precedence over faults, which otherwise fail the command. The texts
 * do not end with a newline.
 */
export function readCommandLine(argv: readonly string[], env: Environment, cwd: string): Command {
  if (argv[0] === 'feed') return { kind: 'feed', argv: argv.slice(1) };
  const flags = readFlags(argv);
  const { kind, text } = flags;
  if (text !== undefined) return { kind: 'print', text };
  try {
    const resolved = resolveSources(flags, env, cwd);
    if (flags.printsConfig) return { kind: 'print', text: formatConfig(resolved) };
    const { config, warnings } = resolved;
    if (kind === 'run' || kind === 'doctor') return { kind, config, warnings };
    if (kind === 'cluster import' || kind === 'cluster mapping') return { kind, config, warnings };
    if (kind === 'token' || kind === 'api-key') {
      return { kind, config, request: issueRequest(flags) };
    }
    if (kind === 'sinks test') return { kind, options: flags.options };
    return { kind, config, warnings, options: flags.options };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const message =
      kind === 'run' ? error.message : [`tickwire ${kind}:`, ...error.faults].join('\n  ');
    return { kind: 'fail', message };
  }
}

function issueRequest({ kind, options }: Flags): IssueFlags {
  const { subject, id, expires, ...permissions } = Object.fromEntries(options);
  const defaultMs = kind === 'token' ? TOKEN_LIFETIME_MS : undefined;
  const lifetimeMs = typeof expires === 'number' ? expires : defaultMs;
  return { name: String(subject ?? id), permissions, lifetimeMs };
}

/** The output of `--print-config`: each key with its value, unless secret, and its source. */
function formatConfig({ config, sources }: ResolvedConfig): string {
  const values = new Map(
    Object.entries(config).flatMap(([section, keys]) =>
      Object.entries(keys).map(([name, value]) => [`${section}.${name}`, JSON.stringify(value)]),
    ),
  );
  const rows = CONFIG_KEYS.map(({ path, facts, defaultValue }) => {
    const value = values.get(path) ?? '';
    const isHidden = facts.isSecret === true && value !== JSON.stringify(defaultValue);
    return [path, isHidden ? '(set, not shown)' : value, sources.get(path) ?? ''];
  });
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [pathWidth, valueWidth] = [width(0), width(1)];
  return rows
    .map(([path = '', value = '', source = '']) =>
      [path.padEnd(pathWidth), value.padEnd(valueWidth), source].join('   '),
    )
    .join('\n');
}
