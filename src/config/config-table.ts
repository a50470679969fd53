import { CONFIG_KEYS } from './keys.ts';
import type { ResolvedConfig } from './parse-config.ts';

/** What `--print-config` prints: one line a key, with its value, unless that is a secret, and where it came from. */
export function configTable({ config, sources }: ResolvedConfig): string {
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
