import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { chartConfigSchema } from '../support/chart-config-schema.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const CHART = 'deploy/helm/tickwire';

it('the chart knows every key of the configuration, with its range', () => {
  const schema = JSON.parse(read(`${CHART}/values.schema.json`)) as {
    definitions: { config: unknown };
  };
  const expected = JSON.parse(JSON.stringify(chartConfigSchema())) as unknown;
  const hint = `definitions.config of ${CHART}/values.schema.json`;
  expect(schema.definitions.config, hint).toEqual(expected);
});

it('the chart has the alerts of deploy/prometheus, and the version of the server', () => {
  expect(read(`${CHART}/files/alerts.yaml`)).toBe(read('deploy/prometheus/alerts.yaml'));
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const [, appVersion] = /^appVersion: (.*)$/m.exec(read(`${CHART}/Chart.yaml`)) ?? [];
  expect(appVersion).toBe(version);
});
