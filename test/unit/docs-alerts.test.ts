import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const oneLine = (text: string) => text.replace(/\s+/g, ' ');

const ALERTS = read('deploy/prometheus/alerts.yaml');
const METRICS = read('docs/METRICS.md');
/** Has the metrics of members of a cluster. */
const CLUSTER = read('docs/CLUSTER.md');
const OPERATIONS = read('docs/OPERATIONS.md');

const ALERT = /- alert: (\w+)\n {8}expr: ([\s\S]*?)\n {8}(?:for|labels):/g;
const alerts = [...ALERTS.matchAll(ALERT)].map(([, name = '', expr = '']) => ({
  name,
  expr: oneLine(expr),
}));
/** Series of a histogram, and of Prometheus itself, beside the names of the page. */
const documented = new Set(
  [...`${METRICS}${CLUSTER}`.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name),
);
const isDocumented = (name: string) =>
  name === 'up' || documented.has(name.replace(/_(bucket|sum|count)$/, '')) || documented.has(name);
const namesIn = (expr: string) =>
  [...expr.matchAll(/\b(?:tickwire|process|nodejs)_\w+|\bup\b/g)].map(([name]) => name);

describe('deploy/prometheus/alerts.yaml', () => {
  it('asks for metrics of docs/METRICS.md only', () => {
    expect(alerts.length).toBeGreaterThan(25);
    for (const { name, expr } of alerts) {
      expect(namesIn(expr).length, name).toBeGreaterThan(0);
      expect(namesIn(expr).filter((metric) => !isDocumented(metric))).toEqual([]);
    }
  });

  it('has the alarms that docs/METRICS.md names', () => {
    const paragraphs = [...METRICS.matchAll(/^Alarms?: [\s\S]*?\n\n/gm)].join(' ');
    const expected = [...paragraphs.matchAll(/`([^`]*(?:==|>)[^`]*)`/g)].map(([, expr = '']) =>
      oneLine(expr),
    );
    expect(expected.length).toBeGreaterThan(5);
    for (const expr of expected) {
      expect(
        alerts.map((alert) => alert.expr),
        expr,
      ).toContainEqual(expect.stringContaining(expr));
    }
  });

  it('is explained by docs/OPERATIONS.md, alert by alert', () => {
    const rows = [...OPERATIONS.matchAll(/^\| `(Tickwire\w+)` \|/gm)].map(([, name]) => name);
    expect(rows).toEqual(alerts.map(({ name }) => name));
  });
});

describe('deploy/grafana', () => {
  const folder = new URL('../../deploy/grafana/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

  it.each(files)('%s asks for metrics of docs/METRICS.md only, of the servers chosen', (file) => {
    const { panels } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(exprs.length).toBeGreaterThan(15);
    for (const expr of exprs) {
      const names = namesIn(expr);
      expect(names.length, expr).toBeGreaterThan(0);
      expect(names.filter((metric) => !isDocumented(metric))).toEqual([]);
      expect(expr.split('instance=~"$instance"')).toHaveLength(names.length + 1);
    }
  });
});
