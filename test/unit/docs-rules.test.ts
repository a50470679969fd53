import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatFault, parseRuleFile, type RuleModule } from '../../src/rules/index.ts';

const page = readFileSync(new URL('../../docs/RULES.md', import.meta.url), 'utf8');

function samples(language: string): string[] {
  const found = page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'));
  return [...found].map(([, text = '']) => text);
}

describe('docs/RULES.md', () => {
  it('has rule files that are valid', () => {
    // A file of examples is run by the tests of its command.
    const files = samples('json').filter((text) => !text.includes('"cases"'));
    expect(files).toHaveLength(1);
    for (const text of files) expect(parseRuleFile(text).faults?.map(formatFault)).toBeUndefined();
  });

  it('has a module that finds a jump and is silent before', async () => {
    const [source = ''] = samples('js');
    const url = `data:text/javascript,${encodeURIComponent(source)}`;
    const { default: module } = (await import(url)) as { readonly default: RuleModule };
    const state = new Float64Array(module.state + 1);
    const judge = (price: number) => {
      const out = new Float64Array(2);
      module.onTick(state, 1, price, 0, out, undefined);
      return out[1] as number;
    };
    const quiet = Array.from({ length: 200 }, (_, i) => judge(100 + (i % 2)));
    expect(Math.max(...quiet.map(Math.abs))).toBeLessThan(3);
    expect(judge(150)).toBeGreaterThan(30);
    expect(state[0]).toBe(0);
  });

  it('shows pictures that exist', () => {
    const images = [...page.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, path = '']) => path);
    expect(images).toHaveLength(6);
    for (const path of images) {
      const picture = readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');
      expect(picture).toMatch(/^<svg .*<\/svg>\s*$/s);
    }
  });
});
