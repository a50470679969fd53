import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHECKS } from '../../conformance/all-checks.ts';
import { runKit } from '../support/conformance-kit.ts';
import { folderForTest } from '../support/folders.ts';

const ROOT = join(import.meta.dirname, '../..');
const ALL = CHECKS.map(({ name }) => name);

it('the TypeScript SDK keeps every promise', { timeout: 300_000 }, async () => {
  const report = await runKit('node conformance/clients/typescript.mjs');
  expect(report).toEqual({ kept: ALL, broken: {}, notSupported: [] });
});

it('the shim of the page keeps all that it serves', { timeout: 300_000 }, async () => {
  const page = readFileSync(join(ROOT, 'docs/CONFORMANCE.md'), 'utf8');
  const [, code = ''] = /```js shim\n(.*?)```/s.exec(page) ?? [];
  const sdk = JSON.stringify(join(ROOT, 'client-sdk/dist/index.js'));
  const shim = join(folderForTest(), 'shim.mjs');
  writeFileSync(shim, code.replace("'@tickwire/client'", sdk));
  const { kept, broken, notSupported } = await runKit(`node ${shim}`);
  expect(broken).toEqual({});
  expect(kept.length).toBeGreaterThan(35);
  expect(kept.length + notSupported.length).toBe(ALL.length);
});
