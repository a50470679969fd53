import type { RuleModule } from '../rules/index.ts';

/** Doubles of state that a module may ask for a symbol. */
const STATE_MAX = 48;

/**
 * Loads modules of rules.
 *
 * @param modules the path in the file, and the URL, of each
 * @throws Error that names the module that cannot be loaded, or is none
 */
export async function loadRuleModules(
  modules: readonly (readonly [string, string])[] = [],
): Promise<ReadonlyMap<string, RuleModule>> {
  const loaded = new Map<string, RuleModule>();
  for (const [path, url] of modules) {
    const fail = (reason: string) => new Error(`module ${path} of a rule: ${reason}`);
    let found: { readonly default?: unknown };
    try {
      found = (await import(url)) as typeof found;
    } catch (error) {
      throw fail(error instanceof Error ? error.message : String(error));
    }
    const module = found.default as Partial<RuleModule> | undefined;
    const { onTick, state } = module ?? {};
    if (typeof onTick !== 'function') throw fail('expected a default export with onTick()');
    if (!Number.isInteger(state) || (state as number) < 0 || (state as number) > STATE_MAX) {
      throw fail(`expected "state" from 0 to ${STATE_MAX}, got ${String(state)}`);
    }
    loaded.set(path, module as RuleModule);
  }
  return loaded;
}
