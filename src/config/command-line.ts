import { ConfigError } from './config-error.ts';
import { configTable } from './config-table.ts';
import { helpText } from './help-text.ts';
import { type IssueFlags, readIssueFlags } from './issue-flags.ts';
import { loadConfig } from './load.ts';
import type { Environment } from './read-environment.ts';
import { readFlags } from './read-flags.ts';
import type { Config } from './schema.ts';
import { tickwireVersion } from './version.ts';

/** What to do: run a server, make a token or an API key, print a text and end well, or print a message and fail. */
export type Command =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'token' | 'api-key'; readonly config: Config; readonly request: IssueFlags }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'fail'; readonly message: string };

/** How long a token is valid where `--expires` is not given. */
const TOKEN_LIFETIME_MS = 3_600_000;

type IssueKind = Extract<Command, { request: unknown }>['kind'];

function readIssueCommand(
  kind: IssueKind,
  args: readonly string[],
  env: Environment,
  cwd: string,
): Command {
  const { flags, rest, faults } = readIssueFlags(args, kind === 'token' ? 'subject' : 'id');
  if (faults.length > 0) {
    return { kind: 'fail', message: [`tickwire ${kind}:`, ...faults].join('\n  ') };
  }
  const { config } = loadConfig({ argv: rest, env, cwd });
  const isTokenWithoutEnd = kind === 'token' && flags.lifetimeMs === undefined;
  const request = isTokenWithoutEnd ? { ...flags, lifetimeMs: TOKEN_LIFETIME_MS } : flags;
  return { kind, config, request };
}

/**
 * Reads the command line (without the program itself), the environment and the configuration file.
 *
 * `--help` and `--version` answer whatever else is wrong; everything else fails on any fault. The
 * texts have no line end of their own.
 */
export function readCommandLine(argv: readonly string[], env: Environment, cwd: string): Command {
  const { switches } = readFlags(argv);
  if (switches.has('help')) return { kind: 'print', text: helpText() };
  if (switches.has('version')) return { kind: 'print', text: tickwireVersion() };
  const [kind, ...args] = argv;
  try {
    if (kind === 'token' || kind === 'api-key') return readIssueCommand(kind, args, env, cwd);
    const resolved = loadConfig({ argv, env, cwd });
    if (switches.has('print-config')) return { kind: 'print', text: configTable(resolved) };
    return { kind: 'run', config: resolved.config };
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'fail', message: error.message };
    throw error;
  }
}
