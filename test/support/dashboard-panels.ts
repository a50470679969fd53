import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { eventually } from '../../testkit/until.ts';
import type { Prometheus, Sample } from './prometheus.ts';

const FOLDER = new URL('../../deploy/grafana/', import.meta.url);

export interface PanelQuery {
  /** Dashboard, title and query, for a message. */
  readonly panel: string;
  readonly expr: string;
}

/** The queries of all panels of deploy/grafana. */
export function panelQueries(): readonly PanelQuery[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const { panels } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as {
        panels: { title: string; targets?: { expr: string }[] }[];
      };
      return panels.flatMap(({ title, targets = [] }) =>
        targets.map(({ expr }) => ({ panel: `${file}: ${title}: ${expr}`, expr })),
      );
    });
}

/**
 * Waits until Prometheus answers a panel's query with numbers.
 *
 * @param range what Grafana puts for `$__rate_interval`
 * @param instance a pattern of the servers chosen
 */
export async function expectAnswer(
  prometheus: Prometheus,
  { panel, expr }: PanelQuery,
  { range, instance }: { readonly range: string; readonly instance: string },
): Promise<void> {
  const query = expr.replaceAll('$__rate_interval', range).replaceAll('$instance', instance);
  const samples = await eventually(
    () => prometheus.query(query),
    (found: readonly Sample[]) =>
      found.length > 0 && found.every(({ value: [, text] }) => text !== 'NaN'),
  ).catch((error: unknown) => {
    throw new Error(panel, { cause: error });
  });
  for (const { value } of samples) expect(Number(value[1]), panel).not.toBeNaN();
}
