import { type ResolvedConfig, resolveConfig } from './parse-config.ts';
import { CONFIG_FILE_VARIABLE, type Environment, readEnvironment } from './read-environment.ts';
import { type NamedFile, readConfigFile } from './read-file.ts';
import { type Flags, readFlags } from './read-flags.ts';

/** Where configuration comes from. Nothing else is read but the file that these name. */
export interface ConfigSources {
  /** The command line, without the program itself. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** The working directory: relative file names start here. */
  readonly cwd: string;
}

function configFile(flags: Flags, env: Environment): NamedFile | undefined {
  if (flags.configFile !== undefined) return { name: flags.configFile, namedBy: '--config' };
  const name = env[CONFIG_FILE_VARIABLE];
  // Set but empty is how a shell or a container file says "not set".
  return name === undefined || name === '' ? undefined : { name, namedBy: CONFIG_FILE_VARIABLE };
}

/**
 * Reads the configuration: defaults, then the JSON file, then the environment, then flags; the
 * later wins.
 *
 * @throws ConfigError naming every fault of every source
 */
export function loadConfig({ argv, env, cwd }: ConfigSources): ResolvedConfig {
  const flags = readFlags(argv);
  const file = readConfigFile(cwd, configFile(flags, env));
  return resolveConfig([file, readEnvironment(env), flags]);
}
