import { CONFIG_KEYS, CONFIG_SECTIONS, type ConfigKey } from './keys.ts';
import { shown } from './shown.ts';

const COLUMNS = 100;

const HEAD = `\
Tickwire: a real-time market-data push server.

Usage: tickwire [flags]                              run the server
       tickwire token --subject NAME [permissions]   print a token signed with auth.jwtSecret
       tickwire api-key --id NAME [permissions]      print a new API key; for auth.apiKeysFile, its
                                                     entry goes to the standard error output

  --config FILE     read this JSON file; without it TICKWIRE_CONFIG names one, or
                    tickwire.config.json in the working directory is read if there is one
  --print-config    print the values in force and where each came from, then end
  --version         print the version, then end
  -h, --help        print this, then end

Permissions of tokens and API keys; what is not given is not allowed:

  --publish PATTERN,...   symbols whose ticks it may publish; a * stands for any characters
  --read PATTERN,...      symbols whose statistics and anomalies it may read
  --operator              it may read metrics and what concerns all tenants
  --tenant NAME           its name space of symbols; without it, the default one
  --expires TIME          90s, 15m, 1h or 30d; without it a token lives 1h, an API key for ever
  --connectionsMax N, --ticksPerSecond N, --requestsPerSecond N
                          limits of its own, where lower than those of the configuration

Every setting below is a flag (--server.port=9001 or --server.port 9001), an environment variable,
and a key of the JSON file ({"server": {"port": 9001}}). Flags win over variables, variables over
the file, the file over the defaults.`;

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}

const FLAG_WIDTH = Math.max(...CONFIG_KEYS.map(({ path }) => path.length)) + 2;

function keyHelp({ path, environmentName, defaultValue, facts }: ConfigKey): string[] {
  const value = shown(defaultValue);
  const unit = facts.unit === undefined ? '' : ` ${facts.unit}`;
  return [
    `  ${`--${path}`.padEnd(FLAG_WIDTH)}   default ${value}${unit}`,
    ...wrapped(facts.description, '      '),
    ...wrapped(`Takes ${facts.expected}. ${environmentName}`, '      '),
  ];
}

/** What `--help` prints: every key with its description, default, range and variable. */
export function helpText(): string {
  const sections = CONFIG_SECTIONS.map((section) => {
    const keys = CONFIG_KEYS.filter((key) => key.section === section);
    return [section, ...keys.flatMap(keyHelp)].join('\n');
  });
  return [HEAD, ...sections].join('\n\n');
}
