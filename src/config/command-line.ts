import { ConfigError } from './config-error.ts';
import { configTable } from './config-table.ts';
import { helpText } from './help-text.ts';
import { loadConfig } from './load.ts';
import type { Environment } from './read-environment.ts';
import { readFlags } from './read-flags.ts';
import type { Config } from './schema.ts';
import { tickwireVersion } from './version.ts';

/** What to do: run a server, print a text and end well, or print a message and fail. */
export type Command =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'fail'; readonly message: string };

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
  try {
    const resolved = loadConfig({ argv, env, cwd });
    if (switches.has('print-config')) return { kind: 'print', text: configTable(resolved) };
    return { kind: 'run', config: resolved.config };
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'fail', message: error.message };
    throw error;
  }
}
